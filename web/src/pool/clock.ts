// Times of the day in minutes since midnight, as `<input type="time">` writes them.

export type Minutes = number;

export function minutesOf(date: Date): Minutes {
  return date.getHours() * 60 + date.getMinutes();
}

/** Whether a time lies in a span that may go past midnight; equal ends are the whole day. */
export function isWithin(now: Minutes, from: Minutes, to: Minutes): boolean {
  if (from === to) return true;
  return from < to ? from <= now && now < to : from <= now || now < to;
}

/** "07:30" */
export function writeTime(minutes: Minutes): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Reads "07:30"; undefined for anything else, such as a field that is being typed. */
export function readTime(text: string): Minutes | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return match ? Number(match[1]) * 60 + Number(match[2]) : undefined;
}
