/**
 * For addresses that an application's scripts make: runs in its pages, before them. Only what is of the same host, from the root and not yet below the prefix is
 * changed. It is a file of its own, so that a content security policy that allows the application's scripts allows this one.
 */
import { createHash } from 'node:crypto';

/** Below a prefix: ours, whatever the application has. */
export const repairScriptPath = '/.myserver/repair.js';

export const repairScript = `(() => {
  const prefix = new URL(document.currentScript.src).pathname.slice(0, -${repairScriptPath.length});
  const path = (p) => (p === prefix || p.startsWith(prefix + '/') || p.startsWith(prefix + '?') || p.startsWith(prefix + '#') ? p : prefix + p);
  // Ports that need not be said, and empty ones, are none.
  const hostOf = (origin) => {
    try {
      return new URL(origin, location.href).host;
    } catch {
      return undefined;
    }
  };
  const fix = (given) => {
    if (given === undefined || given === null) return given;
    const text = String(given);
    if (/^\\/(?![\\/\\\\])/.test(text)) return path(text);
    const [, origin = '', rest = ''] = /^((?:(?:https?|wss?):)?\\/\\/[^\\/?#]*)(.*)$/i.exec(text) || [];
    return origin !== '' && hostOf(origin) === location.host ? origin + path(rest.startsWith('/') ? rest : '/' + rest) : given;
  };
  const wrap = (object, name, at) => {
    const old = object && object[name];
    if (typeof old !== 'function') return;
    object[name] = function (...given) {
      given[at] = fix(given[at]);
      return old.apply(this, given);
    };
  };
  const construct = (name) => {
    if (typeof window[name] !== 'function') return;
    window[name] = new Proxy(window[name], { construct: (target, [url, ...more], self) => Reflect.construct(target, [fix(url), ...more], self) });
  };
  const fetched = window.fetch;
  window.fetch = function (given, ...more) {
    return fetched.call(this, given instanceof Request ? (fix(given.url) === given.url ? given : new Request(fix(given.url), given)) : fix(given), ...more);
  };
  wrap(XMLHttpRequest.prototype, 'open', 1);
  wrap(History.prototype, 'pushState', 2);
  wrap(History.prototype, 'replaceState', 2);
  wrap(Navigator.prototype, 'sendBeacon', 0);
  wrap(window, 'open', 0);
  for (const name of ['WebSocket', 'EventSource', 'Worker', 'SharedWorker']) construct(name);
  if (window.ServiceWorkerContainer) {
    const register = ServiceWorkerContainer.prototype.register;
    ServiceWorkerContainer.prototype.register = function (url, options) {
      return register.call(this, fix(url), options && options.scope ? { ...options, scope: fix(options.scope) } : options);
    };
  }
  const names = ['href', 'src', 'action', 'formaction', 'poster', 'data'];
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    return setAttribute.call(this, name, names.includes(String(name).toLowerCase()) ? fix(value) : value);
  };
  for (const [kind, name] of [['Anchor', 'href'], ['Link', 'href'], ['Image', 'src'], ['Script', 'src'], ['IFrame', 'src'], ['Embed', 'src'], ['Source', 'src'], ['Track', 'src'], ['Media', 'src'], ['Object', 'data'], ['Form', 'action'], ['Button', 'formAction'], ['Input', 'formAction']]) {
    const type = window['HTML' + kind + 'Element'];
    const own = type && Object.getOwnPropertyDescriptor(type.prototype, name);
    if (own && own.set) Object.defineProperty(type.prototype, name, { ...own, set(value) { own.set.call(this, fix(value)); } });
  }
  const mend = (element, name) => {
    const now = element && element.getAttribute(name);
    if (now && fix(now) !== now) setAttribute.call(element, name, fix(now));
  };
  addEventListener('click', ({ target }) => mend(target instanceof Element && target.closest('a[href],area[href]'), 'href'), true);
  addEventListener('submit', ({ target, submitter }) => (mend(target, 'action'), mend(submitter, 'formaction')), true);
})();
`;

const version = createHash('sha256').update(repairScript).digest('base64url').slice(0, 10);

export function repairTag(prefix: string): string {
  return `<script src="${prefix}${repairScriptPath}?${version}"></script>`;
}
