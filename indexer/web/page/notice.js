// What takes the place of content that is on its way, that failed, or that is not there.

import { el, say } from "/page/dom.js";

/** An error in words, with a way to try again. */
export function failure(error, again) {
  return el("div", { class: "notice wrong", role: "alert" },
    el("p", {}, error.message),
    again && el("button", { type: "button", click: again }, "Try again"));
}

/** Nothing to show, and what would change that. */
export const nothing = (title, ...advice) => el("div", { class: "notice" }, el("h2", {}, title), el("p", {}, ...advice));

/** Fill a place with what a promise gives: pale until then, an error in words if it fails, nothing if it was given up. */
export async function fill(place, work, again) {
  place.setAttribute("aria-busy", "true");
  try {
    place.replaceChildren(...[await work()].flat().filter(Boolean));
  } catch (error) {
    if (error.name === "AbortError") return;
    place.replaceChildren(failure(error, again ?? (() => fill(place, work))));
  }
  place.removeAttribute("aria-busy");
}

let fading = 0;

/** A line at the foot of the page that goes by itself. */
export function tell(message) {
  document.querySelector(".told")?.remove();
  document.body.append(el("div", { class: "told", "aria-hidden": "true" }, message));
  clearTimeout(fading);
  fading = setTimeout(() => document.querySelector(".told")?.remove(), 4000);
  say(message);
}
