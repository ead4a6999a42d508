/** What `mlkem.ts`, `patience.ts` and `peer-limits.ts` touch inside ssh2, as it is in the one version that they know. */
declare module 'ssh2/lib/protocol/constants.js' {
  const constants: {
    readonly DEFAULT_KEX: string[];
    readonly SUPPORTED_KEX: string[];
    readonly MESSAGE: Readonly<Record<'EXT_INFO' | 'IGNORE' | 'DEBUG' | 'UNIMPLEMENTED' | 'GLOBAL_REQUEST', number>>;
  };
  export default constants;
}

declare module 'ssh2/lib/protocol/crypto.js' {
  const crypto: { readonly bindingAvailable: boolean };
  export default crypto;
}

declare module 'ssh2/lib/protocol/utils.js' {
  const utils: {
    readonly bufferParser: { readList: () => string[] | undefined };
    readonly sendPacket: (protocol: unknown, packet: Buffer) => boolean;
  };
  export default utils;
}

declare module 'ssh2/lib/protocol/Protocol.js' {
  const Protocol: { readonly prototype: object };
  export default Protocol;
}

declare module 'ssh2/lib/Channel.js' {
  const parts: { readonly Channel: new (client: unknown, info: object, options: object) => object };
  export default parts;
}
