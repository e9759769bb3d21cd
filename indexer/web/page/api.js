// The one door to the server: answers as plain values, and what went wrong in words that say what to do.

import { askForToken } from "/page/session.js";

const BASE = "/api/v1/";
const BUSY_TRIES = 3;

const ADVICE = {
  413: "Pick a smaller picture: 20 MiB each, 8 at once.",
  503: "The server is busy. Wait a moment, then try again.",
};

/** What the server refused, or that it did not answer. */
export class Refused extends Error {
  constructor(status, code, message, detail) {
    super(message);
    Object.assign(this, { status, code, detail });
  }
}

/** The address of an item's picture; with `side` of its thumbnail, which the browser keeps where the content is named. */
export function pictureUrl({ item, sha256 }, side) {
  return side ? address(`items/${item}/thumbnail`, { side, v: sha256?.slice(0, 12) }) : `${BASE}items/${item}/picture`;
}

/** The address of a call, with its parameters; null ones are left out, lists are repeated. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one != null && one !== "") query.append(name, one);
  }
  return `${BASE}${path}${query.size ? `?${query}` : ""}`;
}

export const get = (path, parameters, signal) => call(address(path, parameters), { signal });

export const send = (method, path, body, { signal, key } = {}) => call(BASE + path, {
  method,
  signal,
  body: body instanceof FormData ? body : JSON.stringify(body),
  headers: {
    ...(body instanceof FormData ? {} : { "Content-Type": "application/json" }),
    ...(key ? { "Idempotency-Key": key } : {}),
  },
});

async function call(url, options, busyTries = BUSY_TRIES) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "no_answer", "The server does not answer. Start `index serve` again, then try again.");
  }
  if (response.status === 401) {
    await askForToken();
    return call(url, options, busyTries);
  }
  if (response.status === 503 && busyTries > 0) {
    await new Promise((done) => setTimeout(done, 1000 * (Number(response.headers.get("Retry-After")) || 1)));
    return call(url, options, busyTries - 1);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const { code = "unknown", message = `The server answered ${response.status}.`, detail } = answer?.error ?? {};
  const advice = ADVICE[response.status];
  throw new Refused(response.status, code, advice ? `${message} ${advice}` : message, detail);
}
