/** A text file in a text area: nothing in it is ever taken for a page. */
import { useEffect, useState } from 'preact/hooks';
import { anyVersion } from '../../contract/files.ts';
import { faultCode, sentenceOf } from '../faults.ts';
import { fieldOf, formOf } from '../form.ts';
import { Dialog, Problem } from '../parts.tsx';
import { type FilesLink, readText, type TextFile, writeText } from './files-link.ts';

export interface EditorProps {
  readonly link: FilesLink;
  readonly path: string;
  /** `isChanged`: something was saved. */
  readonly onClose: (isChanged: boolean) => void;
}

export function Editor({ link, path, onClose }: EditorProps) {
  const [file, setFile] = useState<TextFile>();
  const [problem, setProblem] = useState('');
  const [hasConflict, setConflict] = useState(false);
  const [isChanged, setChanged] = useState(false);
  const [typed, setTyped] = useState<string>();
  const isUnsaved = typed !== undefined && typed !== file?.text;
  useEffect(() => {
    if (!isUnsaved) return undefined;
    const onLeave = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', onLeave);
    return () => removeEventListener('beforeunload', onLeave);
  }, [isUnsaved]);
  useEffect(() => {
    readText(link, path).then(setFile, (error: unknown) => setProblem(sentenceOf(error)));
  }, [path]);
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const text = fieldOf(formOf(event), 'text');
    const save = async () => {
      const { version } = await writeText(
        link,
        path,
        textToWrite(text, file?.text ?? ''),
        hasConflict ? anyVersion : (file?.version ?? ''),
      );
      setFile({ text, version });
      setProblem('');
      setConflict(false);
      setChanged(true);
    };
    save().catch((error: unknown) => {
      setConflict(faultCode(error) === 'conflict');
      setProblem(sentenceOf(error));
    });
  };
  return (
    <Dialog
      title={path}
      onClose={() => onClose(isChanged)}
      mayClose={() => !isUnsaved || confirm('What you have typed is not saved. Leave it all the same?')}
    >
      <Problem text={problem} />
      {file === undefined ? (
        problem === '' ? (
          <p>Looking…</p>
        ) : null
      ) : (
        <form onSubmit={onSubmit}>
          <label>
            Content
            <textarea
              name="text"
              class="editor"
              rows={20}
              spellcheck={false}
              autocapitalize="none"
              defaultValue={file.text}
              onInput={({ currentTarget }) => setTyped(currentTarget.value)}
            />
          </label>
          <p>
            <button class="main">{hasConflict ? 'Save mine all the same' : 'Save'}</button>{' '}
            {isChanged && !isUnsaved && problem === '' ? <span role="status">Saved.</span> : null}
          </p>
        </form>
      )}
    </Dialog>
  );
}

/** A form gives all line ends as CR LF (HTML standard, section 4.10.22.5); the file keeps those that it had. */
function textToWrite(given: string, before: string): string {
  const plain = given.replaceAll('\r\n', '\n');
  return before.includes('\r\n') ? plain.replaceAll('\n', '\r\n') : plain;
}
