/** What the gateway passes on to control for people elsewhere: the public API as it is, by a socket of its own. */

/** The client's address, by the gateway's word; what a client says in it never arrives. */
export const clientAddressHeader = 'x-myserver-client';
