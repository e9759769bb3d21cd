// Numbers, sizes, paths and verdicts as people read them.

const whole = new Intl.NumberFormat("en");
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** 12345 as "12,345". */
export const count = (number) => whole.format(number);

/** "1 picture", "2 pictures". */
export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Bytes in the unit that fits. */
export function bytes(number) {
  const power = number > 0 ? Math.min(Math.floor(Math.log2(number) / 10), SIZES.length - 1) : 0;
  return `${(number / 1024 ** power).toFixed(power ? 1 : 0)} ${SIZES[power]}`;
}

/** A score with the digits that tell. */
export const score = (number) => number.toFixed(4);

/** A probability that never claims to be certain. */
export function percent(share) {
  if (share > 0.995 && share < 1) return "> 99 %";
  if (share > 0 && share < 0.005) return "< 1 %";
  return `${Math.round(share * 100)} %`;
}

/** The last part of a path. */
export const fileName = (path) => path.split("/").pop();

/** The folder of a path, with its end rather than its beginning where it is long. */
export function folder(path) {
  const parts = path.split("/").slice(0, -1);
  return parts.length > 2 ? `…/${parts.slice(-2).join("/")}` : parts.join("/");
}

/** A moment in the reader's own time. */
export const moment = (iso) => new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
