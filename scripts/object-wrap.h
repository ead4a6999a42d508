// Included before the SSH library's native part when that is compiled. Node's own ObjectWrap (24.x) takes a hook of the environment's away in its destructor
// and ends the process where there is no environment entered, as when garbage is collected between two turns of the loop. One client that changes its keys
// often enough would end everybody's sessions so. That of nan is the same without the hook.
#if __has_include(<nan.h>)
#include <nan.h>
#define ObjectWrap Nan::ObjectWrap
#endif
