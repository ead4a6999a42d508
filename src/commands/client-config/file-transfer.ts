/** The servers as sites of WinSCP (an ini file) and FileZilla (an XML file that its site manager imports), both for SFTP. */
import { puttyHostKeys } from './putty.ts';
import { endpointOf, type Sites } from './sites.ts';

/** Names and values hold nothing that WinSCP would escape: see `makeSites`. */
export function winscpIni(sites: Sites): string {
  const sessions = endpoints(sites).map(({ name, host, port, user }) => [
    `[Sessions\\${name}]`,
    `HostName=${host}`,
    `PortNumber=${port}`,
    `UserName=${user}`,
    // SFTP alone: without it WinSCP would try SCP where a server has no SFTP.
    'FSProtocol=2',
    // Empty packets.
    'PingType=1',
    'PingIntervalSecs=30',
  ]);
  const keys = [...puttyHostKeys(sites)].map(([name, value]) => `${name}=${value}`);
  const all = [...sessions, ...(keys.length === 0 ? [] : [['[SshHostKeys]', ...keys]])];
  return all.map((lines) => `${lines.join('\r\n')}\r\n`).join('\r\n');
}

export function filezillaXml(sites: Sites): string {
  const servers = endpoints(sites).map(({ name, host, port, user }) =>
    element('Server', [
      `<Host>${escaped(host)}</Host>`,
      `<Port>${port}</Port>`,
      // SFTP.
      '<Protocol>1</Protocol>',
      '<Type>0</Type>',
      `<User>${escaped(user)}</User>`,
      // Interactive: keys of an agent first, and only then is a password asked for.
      '<Logontype>3</Logontype>',
      '<EncodingType>Auto</EncodingType>',
      '<BypassProxy>0</BypassProxy>',
      `<Name>${escaped(name)}</Name>`,
    ]),
  );
  const folder = `<Folder expanded="1">${escaped(sites.publicHost)}\n${indented(servers)}</Folder>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('FileZilla3', [element('Servers', [folder])])}\n`;
}

function endpoints(sites: Sites) {
  return sites.sites.flatMap((site) => {
    const endpoint = endpointOf(site, sites);
    return endpoint === undefined ? [] : [{ name: site.names[0], ...endpoint }];
  });
}

function element(name: string, inner: readonly string[]): string {
  return `<${name}>\n${indented(inner)}</${name}>`;
}

function indented(parts: readonly string[]): string {
  return parts.map((part) => `${part.replaceAll(/^/gmu, '  ')}\n`).join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
