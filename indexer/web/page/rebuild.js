// Building the index anew from its catalogues, with its progress as it happens.

import { address, get, send } from "/page/api.js";
import { el } from "/page/dom.js";
import { count } from "/page/format.js";
import { tell } from "/page/notice.js";

/** The button, and what takes its place while a build runs. */
export function rebuilding() {
  const place = el("div", { class: "rebuild" });
  let events = null;

  function idle(...told) {
    events?.close();
    place.replaceChildren(...told, el("button", { type: "button", click: start }, "Build anew"));
  }

  async function start() {
    try {
      const { job: started } = await send("POST", "builds", {});
      follow(started);
    } catch (error) {
      tell(error.message);
    }
  }

  function follow(id) {
    const bar = el("progress", { max: 1, "aria-label": "Building" });
    const told = el("span", { class: "soft", role: "status" }, "Looking for what changed …");
    place.replaceChildren(told, bar);
    events = new EventSource(address(`builds/${id}/events`));
    const heard = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data)));
    heard("progress", ({ done, total }) => {
      if (!total) return;
      Object.assign(bar, { max: total, value: done });
      told.textContent = `${count(done)} of ${count(total)} read`;
    });
    heard("done", ({ report: { found, indexed, rejected } }) => idle(el("span", { class: "soft", role: "status" },
      `Built: ${count(found)} found, ${count(indexed)} new, ${count(rejected.length)} rejected.`)));
    heard("failed", ({ error }) => idle(el("span", { class: "wrong", role: "alert" }, [error.message, error.hint].filter(Boolean).join(". "))));
  }

  idle();
  // One that runs already, started here before a reload or by somebody else.
  get("builds").then(({ builds }) => {
    const running = builds.find(({ state }) => state === "running");
    if (running && !events) follow(running.job);
  }, () => {});
  return { element: place, left: () => events?.close() };
}
