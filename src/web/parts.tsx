/** Small pieces that several pages are made of. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { signal } from '@preact/signals';

export function Copyable({ text, label }: { readonly text: string; readonly label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="copyable">
      <code>{text}</code>
      <button type="button" class="quiet" aria-label={`Copy: ${label}`} onClick={() => void copy().catch(() => {})}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}

export function Dialog({
  title,
  onClose,
  mayClose = () => true,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  /** Asked before somebody leaves by the keyboard or the button: what they have typed may be worth a question. */
  readonly mayClose?: () => boolean;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const leave = () => (mayClose() ? dialog.current?.close() : undefined);
  const onCancel = (event: Event) => {
    event.preventDefault();
    leave();
  };
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={onClose} onCancel={onCancel}>
      <header>
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={leave}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

export function Problem({ text }: { readonly text: string }) {
  return text === '' ? null : (
    <p class="problem" role="alert">
      {text}
    </p>
  );
}

export function StatusBadge({ status }: { readonly status: string }) {
  return <span class={`status ${status}`}>{status}</span>;
}

interface Notice {
  readonly text: string;
  readonly undo?: (() => Promise<unknown>) | undefined;
}

const notice = signal<Notice | undefined>(undefined);
const noticeMs = 10_000;
let noticeTimer: ReturnType<typeof setTimeout> | undefined;

/** A sentence at the edge of the page for a while. `undo` only where it truly undoes. */
export function tell(text: string, undo?: () => Promise<unknown>): void {
  clearTimeout(noticeTimer);
  notice.value = { text, undo };
  noticeTimer = setTimeout(() => (notice.value = undefined), noticeMs);
}

export function Notices() {
  const shown = notice.value;
  const undo = () => {
    notice.value = undefined;
    void shown?.undo?.().catch(() => {});
  };
  return (
    <div class="notices" role="status">
      {shown === undefined ? null : (
        <p>
          {shown.text}
          {shown.undo === undefined ? null : (
            <button type="button" onClick={undo}>
              Undo
            </button>
          )}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => (notice.value = undefined)}>
            ✕
          </button>
        </p>
      )}
    </div>
  );
}
