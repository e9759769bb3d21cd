// Which view is shown: the part of the address after #/, so that every view and filter has an address of its own.

import { fill } from "/page/notice.js";

const VIEWS = {
  search: ["Search", () => import("/page/search.js")],
  review: ["Review", () => import("/page/review.js")],
  overview: ["Overview", () => import("/page/overview.js")],
};

const main = document.getElementById("main");
let leave = null;
let turn = 0; // a view that took longer to load than the next one is not shown any more

async function show() {
  const [path, query = ""] = location.hash.slice(2).split("?");
  const name = path in VIEWS ? path : "search";
  const [title, load] = VIEWS[name];
  document.title = `${title} · siamese-index`;
  document.body.dataset.view = name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave?.();
  leave = null;
  document.querySelector("dialog:not(.small)")?.close();
  const mine = ++turn;
  const view = await load();
  if (mine !== turn) return;
  const place = document.createElement("div");
  main.replaceChildren(place);
  await fill(place, async () => {
    const { content, left } = await view.show(new URLSearchParams(query));
    if (mine === turn) leave = left ?? null;
    else left?.();
    return content;
  });
}

addEventListener("hashchange", async () => {
  await show();
  main.focus({ preventScroll: true });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
show();
