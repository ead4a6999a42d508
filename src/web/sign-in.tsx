/** Signing in, and the change of a one-time password, which comes before everything else. */
import { useState } from 'preact/hooks';
import { sentenceOf } from './faults.ts';
import { fieldOf, formOf } from './form.ts';
import { Problem } from './parts.tsx';
import { changePassword, signedOutBecause, signIn } from './session.ts';

/** Runs what a form is for, and shows why it did not do. */
function useDeed(deed: (field: (name: string) => string) => Promise<void>) {
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    const form = formOf(event);
    deed((name) => fieldOf(form, name))
      .catch((error: unknown) => setProblem(sentenceOf(error)))
      .finally(() => setBusy(false));
  };
  return { problem, isBusy, onSubmit };
}

export function SignInPage() {
  const { problem, isBusy, onSubmit } = useDeed(async (field) => await signIn(field('person').trim(), field('password')));
  return (
    <main class="narrow">
      <h1>myserver</h1>
      <p>A server of your own, behind one address.</p>
      <Problem text={problem === '' ? signedOutBecause.value : problem} />
      <form onSubmit={onSubmit}>
        <label>
          Name
          <input name="person" autocomplete="username" autocapitalize="none" spellcheck={false} required autofocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <button class="main" disabled={isBusy}>
          Sign in
        </button>
      </form>
    </main>
  );
}

export function NewPasswordPage({ onDone }: { readonly onDone?: () => void }) {
  const { problem, isBusy, onSubmit } = useDeed(async (field) => {
    if (field('next') !== field('again')) throw new Error('the two new passwords differ');
    await changePassword(field('current'), field('next'));
    onDone?.();
  });
  return (
    <main class="narrow">
      <h1>A password of your own</h1>
      {onDone === undefined ? <p>The password that you were given is good once. Choose your own.</p> : null}
      <Problem text={problem} />
      <form onSubmit={onSubmit}>
        <label>
          {onDone === undefined ? 'The one that you were given' : 'The present one'}
          <input name="current" type="password" autocomplete="current-password" required autofocus />
        </label>
        <label>
          The new one
          <input name="next" type="password" autocomplete="new-password" required />
        </label>
        <label>
          The new one again
          <input name="again" type="password" autocomplete="new-password" required />
        </label>
        <button class="main" disabled={isBusy}>
          Change it
        </button>
      </form>
    </main>
  );
}
