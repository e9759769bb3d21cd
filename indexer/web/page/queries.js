// The pictures that are asked with: files of the user's, or items of the index, each with the part of it that counts.
// They live as long as the page, so that a look at another view loses none.

import { pictureUrl } from "/page/api.js";
import { fileName } from "/page/format.js";

const MOST = 8; // as many as the server takes in one upload

export const asked = { queries: [], at: 0 };

/** The query whose answer is shown, or undefined. */
export const current = () => asked.queries[asked.at];

/** Add files; the first of them is asked next. Returns how many were one too many. */
export function addFiles(files) {
  const taken = files.slice(0, MOST - asked.queries.length);
  if (taken.length) asked.at = asked.queries.length;
  asked.queries.push(...taken.map((file) => ({ name: file.name || "pasted picture", file, url: URL.createObjectURL(file), crop: null })));
  return files.length - taken.length;
}

/** Ask with one picture of the index, instead of what was asked with. */
export function askItem(item, path) {
  if (asked.queries.length === 1 && current().item === item) return;
  clear();
  asked.queries.push({ name: path ? fileName(path) : `picture ${item}`, item, url: pictureUrl({ item }), crop: null });
}

export function remove(query) {
  asked.queries.splice(asked.queries.indexOf(query), 1);
  asked.at = Math.max(0, Math.min(asked.at, asked.queries.length - 1));
  if (query.file) URL.revokeObjectURL(query.url);
}

export function clear() {
  for (const query of [...asked.queries]) remove(query);
}

/** The form fields that name a query's picture: `image` a file, `item` an id. */
export function appendTo(form, query) {
  if (query.file) form.append("image", query.file);
  else form.append("item", query.item);
  if (query.crop) form.append("crop", query.crop.map((share) => share.toFixed(4)).join(","));
}

/** The picture as bytes, cut to what counts: for calls that know no crop. */
export async function cut(query) {
  if (!query.crop) return query.file;
  const whole = await createImageBitmap(query.file ?? await (await fetch(query.url)).blob());
  const [left, top, right, bottom] = query.crop;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round((right - left) * whole.width));
  canvas.height = Math.max(1, Math.round((bottom - top) * whole.height));
  canvas.getContext("2d").drawImage(whole, -left * whole.width, -top * whole.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
}
