/** What the server asks before it lets in. */
import { fieldOf, formOf } from './form.ts';

export function Question({ text, onAnswer }: { readonly text: string; readonly onAnswer: (answer: string | null) => void }) {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    onAnswer(fieldOf(formOf(event), 'answer'));
  };
  return (
    <form class="question" onSubmit={onSubmit}>
      <label>
        {text}
        <input name="answer" type="password" autocomplete="off" autofocus />
      </label>
      <button class="main">Answer</button>
      <button type="button" onClick={() => onAnswer(null)}>
        Give up
      </button>
    </form>
  );
}
