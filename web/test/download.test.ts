import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { DownloadError, download, type RemoteFile } from '../src/assets/download';
import { strings } from '../src/strings';
import { type Answer, fakeFetch, settled, useVirtualTime } from './fakes';

const TEXT = 'import this';

function file(body = TEXT): RemoteFile {
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { name: 'x.whl', url: '/wheels/x', size: body.length, transfer: body.length, sha256 };
}

function setUp(answers: Answer | Error | (Answer | Error)[]) {
  const { fetch, asked } = fakeFetch({ '/wheels/x': answers });
  const progress: number[] = [];
  const start = (what = file()) =>
    download(what, { fetch, token: 'secret' }, (count) => progress.push(count));
  return { start, asked, progress };
}

beforeEach(() => {
  useVirtualTime();
});

describe('a download', () => {
  it('returns the bytes, tells its progress and shows the token in a header only', async () => {
    const { start, asked, progress } = setUp({ body: TEXT });

    const bytes = await start();

    expect(new TextDecoder().decode(bytes)).toBe(TEXT);
    expect(progress.at(-1)).toBe(TEXT.length);
    expect(asked[0]?.path).toBe('/wheels/x');
    expect(asked[0]?.init?.headers).toEqual({ Authorization: 'Bearer secret' });
  });

  it('is tried again after a network error', async () => {
    const { start, asked } = setUp([new TypeError('offline'), { status: 502 }, { body: TEXT }]);

    const bytes = await settled(start());

    expect(bytes).toHaveProperty('byteLength', TEXT.length);
    expect(asked).toHaveLength(3);
  });

  it('ends after five attempts with a sentence that names the file', async () => {
    const { start, asked } = setUp(new TypeError('offline'));

    const failed = await settled(start());

    expect(failed).toEqual(new DownloadError(strings.download.failed('x.whl'), false));
    expect(failed).toMatchObject({ lasting: false });
    expect(asked).toHaveLength(5);
  });

  it('asks past the cache once when the checksum is wrong, then says so for good', async () => {
    const { start, asked } = setUp({ body: 'import that' });

    const failed = await settled(start());

    expect(failed).toMatchObject({
      message: strings.download.mismatch('x.whl'),
      lasting: true,
    });
    expect(asked.map(({ init }) => init?.cache)).toEqual(['default', 'reload']);
  });

  it('reads no more than was announced', async () => {
    const { start } = setUp({ body: `${TEXT} and much more` });

    await expect(start()).rejects.toThrow(strings.download.mismatch('x.whl'));
  });

  it('is tried again when the transfer breaks off', async () => {
    const { start } = setUp([{ body: 'import' }, { body: TEXT }]);

    const bytes = await settled(start());

    expect(bytes).toHaveProperty('byteLength', TEXT.length);
  });

  it('does not insist when the token is refused', async () => {
    const { start, asked } = setUp({ status: 401 });

    await expect(start()).rejects.toMatchObject({
      message: strings.download.refused(401),
      lasting: true,
    });
    expect(asked).toHaveLength(1);
  });
});
