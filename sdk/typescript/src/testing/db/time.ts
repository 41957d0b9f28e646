// Points in time: as databases and modules write them, and the one way in which they are kept.

const TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(?:(Z)|([+-]\d{2})(?::?(\d{2}))?)?$/i;

/** `YYYY-MM-DD HH:MM:SS` in UTC, with microseconds where there are any; none if the text is no time. */
export function timestamp(text: string): string | undefined {
  const found = TIME.exec(text.trim());
  if (!found) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', , offset, minutes = '00'] = found;
  const date = `${year}-${month}-${day}T${hour}:${minute}:${second === '60' ? '59' : second}Z`;
  const local = new Date(date);
  // the constructor takes the 30th of February for the 1st of March
  if (Number.isNaN(local.getTime()) || local.toISOString().slice(0, 10) !== date.slice(0, 10)) return undefined;
  const shift = offset === undefined ? 0 : Number(offset) * 60 + Number(`${offset.charAt(0)}${minutes}`);
  const whole = new Date(local.getTime() - shift * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  // as fine as every dialect has it
  const micros = fraction.slice(0, 6).replace(/0+$/, '');
  return micros === '' ? whole : `${whole}.${micros}`;
}
