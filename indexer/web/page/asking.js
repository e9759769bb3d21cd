// The picture to ask with: dropped, pasted or picked, one or several, and a crop drawn on it.

import { croppable } from "/page/crop.js";
import { el } from "/page/dom.js";
import { tell } from "/page/notice.js";
import { addFiles, asked, clear, current, remove } from "/page/queries.js";

/** The panel; `ask` is called whenever something else is to be asked. `left` stops listening. */
export function askingPanel(ask) {
  const panel = el("section", { class: "asking", "aria-label": "Ask with a picture" });
  const stop = new AbortController();

  function take(files) {
    const pictures = [...files].filter((file) => file.size);
    if (!pictures.length) return;
    const over = addFiles(pictures);
    if (over) tell(`Eight pictures at once are the most: ${over} left out.`);
    show();
    ask();
  }

  function picker(text) {
    return el("label", { class: "button" },
      el("input", { type: "file", accept: "image/*", multiple: true, class: "unseen", change: (event) => take(event.target.files) }),
      text);
  }

  function show() {
    const query = current();
    panel.replaceChildren(...(query ? chosen(query) : [
      el("div", { class: "drop" },
        el("p", { class: "lead" }, "Drop a picture here"),
        el("p", { class: "soft" }, "or paste one, or"), picker("choose files")),
    ]));
  }

  function chosen(query) {
    const image = el("img", { src: query.url, alt: `Asked with ${query.name}`, draggable: "false" });
    image.addEventListener("error", () => image.replaceWith(el("span", { class: "missing" }, "no preview of this format")));
    const part = croppable(image, query.crop, (crop) => { query.crop = crop; crops(); ask(); });
    const cropping = el("p", { class: "deeds" });
    function crops() {
      cropping.replaceChildren(
        el("button", { type: "button", click: part.start }, query.crop ? "Move the crop" : "Crop"),
        ...(query.crop ? [el("button", { type: "button", click: part.whole }, "Whole picture")] : []),
        el("button", { type: "button", click: () => { clear(); show(); ask(); } }, "Clear"));
    }
    crops();
    return [
      part.element,
      el("p", { class: "path" }, query.name),
      el("p", { class: "soft hint" }, "Draw on the picture to ask with a part of it."),
      cropping,
      asked.queries.length > 1 && several(),
      picker("Add pictures"),
    ].filter(Boolean);
  }

  function several() {
    return el("ul", { class: "several", "aria-label": "Pictures asked with" }, asked.queries.map((query, at) => el("li", {},
      el("button", {
        type: "button", class: "frame", "aria-label": `Show what is near ${query.name}`,
        "aria-pressed": String(at === asked.at), click: () => { asked.at = at; show(); ask(); },
      }, el("img", { src: query.url, alt: "" })),
      el("button", {
        type: "button", class: "quiet", "aria-label": `Remove ${query.name}`,
        click: () => { remove(query); show(); ask(); },
      }, "Remove"))));
  }

  const listen = (name, act) => document.addEventListener(name, act, { signal: stop.signal });
  listen("paste", (event) => take(event.clipboardData.files));
  listen("dragover", (event) => { event.preventDefault(); panel.classList.add("over"); });
  listen("dragleave", (event) => { if (!event.relatedTarget) panel.classList.remove("over"); });
  listen("drop", (event) => {
    event.preventDefault();
    panel.classList.remove("over");
    take(event.dataTransfer.files);
  });
  show();
  return { element: panel, left: () => stop.abort() };
}
