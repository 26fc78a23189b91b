import { useRef, useState } from 'react';
import './Share.scss';
import type { Link } from './stats';
import { ownerStrings } from './strings';

/** The volunteers' link, to copy, to scan, or for everybody in the room to see. */
export function Share({ link }: { readonly link: Link | null }) {
  const { share } = ownerStrings;
  return (
    <section className="share" aria-labelledby="share">
      <h2 id="share">{share.heading}</h2>
      {link ? <Shared link={link} /> : <p>{share.none}</p>}
    </section>
  );
}

function Shared({ link: { url, qr } }: { readonly link: Link }) {
  const { share } = ownerStrings;
  const [said, say] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const projector = useRef<HTMLDialogElement>(null);

  const copy = async () => {
    field.current?.select();
    say((await copied(url)) ? share.copied : share.select);
  };

  return (
    <>
      <p>{share.text}</p>
      <img className="share-code" src={qr} alt={share.qr} />
      <div className="share-link">
        <input ref={field} readOnly value={url} aria-label={share.heading} />
        <button type="button" className="button" data-kind="quiet" onClick={copy}>
          {share.copy}
        </button>
        <button
          type="button"
          className="button"
          data-kind="quiet"
          onClick={() => projector.current?.showModal()}
        >
          {share.enlarge}
        </button>
      </div>
      <p className="share-said" role="status">
        {said}
      </p>
      <dialog ref={projector} className="share-projector" aria-label={share.heading}>
        <img src={qr} alt={share.qr} />
        <p>{url}</p>
        <form method="dialog">
          <button type="submit" className="button" data-kind="plain">
            {share.shrink}
          </button>
        </form>
      </dialog>
    </>
  );
}

/** Copies a text, or returns false: plain HTTP has no clipboard, except for what is selected. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return document.execCommand('copy');
  }
}
