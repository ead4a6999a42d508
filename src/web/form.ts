/** What was put into a field of a form; empty where there is none, or a file. */
export function fieldOf(form: HTMLFormElement | null, name: string): string {
  const value = form === null ? null : new FormData(form).get(name);
  return typeof value === 'string' ? value : '';
}

export function formOf(event: Event): HTMLFormElement | null {
  return event.currentTarget instanceof HTMLFormElement ? event.currentTarget : null;
}
