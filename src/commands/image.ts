import type { Command } from 'commander';
import type { ImageView } from '../contract/schemas.ts';
import { fault } from '../core/errors.ts';
import { formatSize } from '../core/sizes.ts';
import { parseImage } from './arguments.ts';
import { addWait, type DeedOptions, tell } from './deed.ts';
import type { Column } from './format.ts';
import { addColumnOptions, addYes, branch, leaf, listed, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';

type Row = Pick<ImageView, 'system' | 'type'> & Partial<ImageView>;

const columns: readonly Column<Row>[] = [
  { name: 'system', cell: (image) => image.system },
  { name: 'type', cell: (image) => image.type },
  { name: 'state', cell: stateOf },
  { name: 'size', cell: (image) => (image.sizeBytes === undefined ? null : formatSize(Math.ceil(image.sizeBytes / 2 ** 20) * 2 ** 20)) },
  { name: 'created', cell: (image) => image.createdAt ?? null },
  { name: 'fingerprint', cell: (image) => image.fingerprint?.slice(0, 12) ?? null },
];

export const registerImage: Register = (program, invocation) => {
  const image = branch(program, invocation, 'image', 'what servers are made from').alias('images');
  registerImageList(image, invocation);
  registerBuild(image, invocation);
  registerImport(image, invocation);
  registerRemove(image, invocation);
};

function stateOf(image: Row): string {
  if (image.origin === undefined) return 'can be built';
  return image.isCurrent === false ? `${image.origin}, recipe has changed` : image.origin;
}

function registerImageList(image: Command, invocation: Invocation): void {
  const command = leaf(image, invocation, {
    usage: 'list',
    aliases: ['ls'],
    summary: 'systems and types, and what can be built here',
    examples: ['myserver image list', 'myserver image list -f json'],
  });
  addColumnOptions(command, columns);
  perform<RowOptions>(command, async (_args, options) => {
    const { images, buildable } = await invocation.client(options).call('listImages', {}, { signal: invocation.context.signal });
    const absent = buildable.filter((one) => !images.some((have) => have.system === one.system && have.type === one.type));
    await invocation.rows<Row>(options, columns, [...images, ...absent]);
  });
}

function registerBuild(image: Command, invocation: Invocation): void {
  const command = leaf(image, invocation, {
    usage: 'build <system> [type]',
    summary: "build an image from the host's own package sources",
    examples: ['myserver image build debian12 minimal', 'myserver image build debian12/web --even-if-current'],
  }).option('--even-if-current', 'also when the recipe has not changed since');
  addWait(command);
  perform<DeedOptions & { readonly evenIfCurrent?: boolean }>(command, async (args, options) => {
    const { system, type } = parseImage([...listed(args[0]), ...listed(args[1])]);
    const client = invocation.client(options);
    const body = { system, type, ...(options.evenIfCurrent === true ? { evenIfCurrent: true } : {}) };
    const { operation } = await client.call('buildImage', { body }, { signal: invocation.context.signal });
    await tell(invocation, options, client, [operation], 'is ready');
  });
}

function registerImport(image: Command, invocation: Invocation): void {
  const command = leaf(image, invocation, {
    usage: 'import <system> [type]',
    summary: "import an image from one of the engine's remotes, or from files of the host",
    examples: [
      'myserver image import alpine3.20/minimal --remote images:alpine/3.20',
      'myserver image import debian12/lab --metadata meta.tar.gz --rootfs rootfs.squashfs    # root, on the host',
    ],
  })
    .option('--remote <remote:alias>', "an image of one of the engine's remotes")
    .option('--metadata <file>', 'the metadata tar, on the host')
    .option('--rootfs <file>', 'the squashfs, on the host');
  addWait(command);
  type ImportOptions = DeedOptions & { readonly remote?: string; readonly metadata?: string; readonly rootfs?: string };
  perform<ImportOptions>(command, async (args, options) => {
    const { system, type } = parseImage([...listed(args[0]), ...listed(args[1])]);
    const { remote, metadata, rootfs } = options;
    const areFiles = metadata !== undefined && rootfs !== undefined;
    if ((remote === undefined) !== areFiles || (remote !== undefined && (metadata ?? rootfs) !== undefined))
      throw fault(
        'bad-request',
        'an image comes either from --remote, or from --metadata and --rootfs together (see "myserver image import --help")',
      );
    const machine = areFiles ? invocation.machine('importing files') : undefined;
    const source =
      machine === undefined || !areFiles
        ? { remote: remote ?? '' }
        : { metadataPath: machine.absolutePath(metadata), rootfsPath: machine.absolutePath(rootfs) };
    const client = invocation.client(options);
    const { operation } = await client.call('importImage', { body: { system, type, ...source } }, { signal: invocation.context.signal });
    await tell(invocation, options, client, [operation], 'is ready');
  });
}

function registerRemove(image: Command, invocation: Invocation): void {
  const command = leaf(image, invocation, {
    usage: 'remove <system> [type]',
    aliases: ['rm'],
    summary: 'remove an image; servers made from it go on',
    examples: ['myserver image remove debian12/web'],
  });
  addYes(command);
  perform<CommonOptions & { readonly yes?: boolean }>(command, async (args, options) => {
    const params = parseImage([required(args[0]), ...listed(args[1])]);
    const name = `${params.system}/${params.type}`;
    await invocation.confirm(options, `removing image ${name}`, `Remove image ${name}? Type yes: `, (answer) => answer === 'yes');
    await invocation.client(options).call('removeImage', { params }, { signal: invocation.context.signal });
    await invocation.result(options, { removed: name }, `image ${name} is removed\n`);
  });
}
