import { fault } from '../core/errors.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { imageView, operationView } from './views.ts';

export function imageHandlers({
  control: { images },
}: HandlerParts): Pick<Handlers, 'listImages' | 'buildImage' | 'importImage' | 'removeImage'> {
  return {
    async listImages({ caller }) {
      const found = await images.list(caller);
      return { images: found.images.map(imageView), buildable: found.buildable.map(({ system, type }) => ({ system, type })) };
    },
    buildImage: async ({ caller, body }) => ({ operation: operationView(await images.build(caller, body)) }),
    async importImage({ caller, body: { system, type, remote, metadataPath, rootfsPath } }) {
      if (remote !== undefined && metadataPath === undefined && rootfsPath === undefined)
        return { operation: operationView(await images.import(caller, { system, type, remote })) };
      if (remote !== undefined || metadataPath === undefined || rootfsPath === undefined)
        throw fault('bad-request', 'name either "remote", or both "metadataPath" and "rootfsPath", to import an image');
      return { operation: operationView(await images.import(caller, { system, type, metadataPath, rootfsPath })) };
    },
    async removeImage({ caller, params }) {
      await images.remove(caller, params.system, params.type);
      return undefined;
    },
  };
}
