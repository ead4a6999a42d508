/** Which attributes are addresses (WHATWG HTML, "Attributes"; SVG 2, section 16.1), and how each is written. */
import { mapped, type Placed } from '../below-prefix.ts';
import { repairCssText } from './css.ts';

interface Named {
  readonly name: string;
  readonly value: string;
}

const addressAttributes: ReadonlySet<string> = new Set([
  'href',
  'src',
  'action',
  'formaction',
  'poster',
  'data',
  'background',
  'manifest',
  'cite',
  'longdesc',
  'xlink:href',
  'ping',
]);

export function repairedAttribute(tag: string, all: readonly Named[], { name, value }: Named, placed: Placed): string {
  if (addressAttributes.has(name)) return repairedAddress(value, placed);
  switch (name) {
    case 'srcset':
    case 'imagesrcset':
      return value.replaceAll(
        /(^|,)(\s*)(\S+)/gu,
        (_all, comma: string, blank: string, url: string) => comma + blank + mapped(url, placed),
      );
    case 'style':
      return repairCssText(value, placed);
    case 'content':
      return tag === 'meta' && all.some((other) => other.name === 'http-equiv' && other.value.toLowerCase() === 'refresh')
        ? value.replace(
            /^(\s*[\d.]*\s*[;,]?\s*url\s*=\s*["']?)([^"']*)/iu,
            (_all, before: string, url: string) => before + mapped(url, placed),
          )
        : value;
    default:
      return value;
  }
}

/** Blanks around an address do not belong to it. */
function repairedAddress(value: string, placed: Placed): string {
  const [, before = '', url = ''] = /^(\s*)(.*)$/su.exec(value) ?? [];
  return before + mapped(url, placed);
}

export function isModuleScript(attributes: readonly Named[]): boolean {
  const type = attributes
    .find(({ name }) => name === 'type')
    ?.value.trim()
    .toLowerCase();
  return (type === 'module' || type === 'importmap') && !attributes.some(({ name }) => name === 'src');
}

/** `import ... from "/x"`, `import "/x"`, `import("/x")`, and the addresses of an import map: nothing else of a script is touched. */
export function repairModule(script: string, placed: Placed): string {
  const quoted = (whole: string, before: string, quote: string, url: string) =>
    url.startsWith('/') ? before + quote + mapped(url, placed) + quote : whole;
  return script
    .replaceAll(/(\bfrom\s*|\bimport\s*\(?\s*)(["'])([^"'\n\\]*)\2/gu, quoted)
    .replaceAll(/("[^"\n\\]*"\s*:\s*)(")([^"\n\\]*)"/gu, (whole: string, before: string, quote: string, url: string) =>
      isImportMap(script) ? quoted(whole, before, quote, url) : whole,
    );
}

function isImportMap(script: string): boolean {
  return /^\s*\{\s*"(?:imports|scopes|integrity)"\s*:/u.test(script);
}
