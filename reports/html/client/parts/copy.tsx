import { useState } from 'preact/hooks';

/** Copy `text`; where the clipboard is not available, through a selection. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

/** A command with a button that copies it. */
export function Command({ text }: { text: string }) {
  const [state, setState] = useState<'idle' | 'copied' | 'failed'>('idle');
  const label = { idle: 'Copy', copied: 'Copied', failed: 'Select and copy' }[state];
  const copy = async () => {
    setState((await copyText(text)) ? 'copied' : 'failed');
    setTimeout(() => setState('idle'), 2000);
  };
  return (
    <div class="command">
      <pre>
        <code>{text}</code>
      </pre>
      <button type="button" onClick={copy} aria-label="Copy the replay command">
        {label}
      </button>
      <span class="visually-hidden" aria-live="polite">
        {state === 'copied' ? 'The command was copied' : ''}
      </span>
    </div>
  );
}
