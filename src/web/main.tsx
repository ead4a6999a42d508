/** The portal: which page is shown, by who is signed in and by the address behind `#`. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { AccountPage } from './account.tsx';
import { FilesPage } from './files/files-page.tsx';
import { HostPage } from './host.tsx';
import { IdsPage } from './ids.tsx';
import { follow, liveness } from './live.ts';
import { Notices } from './parts.tsx';
import { PeoplePage } from './people.tsx';
import { ServerPage } from './server-page.tsx';
import { ServersPage } from './servers.tsx';
import { api, keepSignedIn, ownRole, signedIn, signOut } from './session.ts';
import { NewPasswordPage, SignInPage } from './sign-in.tsx';

function usePlace(): string {
  const [place, setPlace] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setPlace(location.hash);
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return place.replace(/^#\/?/u, '');
}

function Page({ place }: { readonly place: string }) {
  const [path = '', query = ''] = place.split('?', 2);
  const [, id, isFiles] = /^servers\/(\d+)(\/files)?$/u.exec(path) ?? [];
  if (id !== undefined && isFiles !== undefined) return <FilesPage server={Number(id)} query={new URLSearchParams(query)} />;
  if (id !== undefined) return <ServerPage id={Number(id)} />;
  if (place === 'account') return <AccountPage />;
  if (place === 'ids') return <IdsPage />;
  if (place === 'people') return <PeoplePage mayChange={ownRole.value === 'administrator'} />;
  if (place === 'host') return <HostPage />;
  return <ServersPage />;
}

function SignedInPortal({ person }: { readonly person: string }) {
  const place = usePlace();
  const role = ownRole.value;
  useEffect(
    () =>
      void api.call('me').then(
        ({ person: who }) => void (ownRole.value = who?.role ?? 'user'),
        () => {},
      ),
    [person],
  );
  useEffect(() => {
    const over = new AbortController();
    void follow(over.signal);
    return () => over.abort();
  }, [person]);
  const link = (to: string, text: string) => (
    <a href={`#/${to}`} aria-current={(place === '' ? 'servers' : place.split('/')[0]) === to ? 'page' : undefined}>
      {text}
    </a>
  );
  return (
    <>
      <header class="top">
        <strong>myserver</strong>
        <nav aria-label="Pages">
          {link('servers', 'Servers')}
          {role === 'user' ? null : link('ids', 'IDs')}
          {role === 'user' ? null : link('people', 'People')}
          {role === 'administrator' ? link('host', 'Host') : null}
          {link('account', person)}
        </nav>
        <button type="button" class="quiet" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      {liveness.value === 'late' ? (
        <p class="late" role="status">
          The connection is lost: what is shown may be old. Trying again…
        </p>
      ) : null}
      <main>
        <Page place={place} />
      </main>
      <Notices />
    </>
  );
}

function Portal() {
  const who = signedIn.value;
  if (who === undefined) return <SignInPage />;
  return who.passwordMustChange ? <NewPasswordPage /> : <SignedInPortal person={who.person} />;
}

const root = document.querySelector('#portal');
if (root !== null) {
  keepSignedIn();
  render(<Portal />, root);
}
