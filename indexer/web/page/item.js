// One picture of the index: large, with all that is known of it.

import { get, pictureUrl } from "/page/api.js";
import { el, row, sheet } from "/page/dom.js";
import { bytes, fileName, moment } from "/page/format.js";
import { labelForm } from "/page/label.js";
import { fill } from "/page/notice.js";
import { place, thumbnail, verdictMark } from "/page/picture.js";

/** Open the window of an item. */
export function openItem(item) {
  const body = el("div", { class: "item" });
  const dialog = sheet("Picture", body);
  fill(body, async () => {
    const found = await get(`items/${item}`);
    dialog.querySelector("h2").textContent = fileName(found.path);
    return [
      el("img", { src: pictureUrl(found), alt: fileName(found.path), width: found.width, height: found.height }),
      el("div", {},
        el("dl", { class: "table" },
          ...row("Label", labelForm(found, () => {})),
          ...row(found.paths.length > 1 ? "Places" : "Place", el("ul", { class: "plain" }, found.paths.map((path) => el("li", {}, place(path))))),
          ...row("Size", `${found.width} × ${found.height}, ${bytes(found.size_bytes)}, ${found.format}`),
          ...Object.entries(found.attributes).flatMap(([key, value]) => row(key, value)),
          ...row("SHA-256", el("code", {}, found.sha256))),
        el("p", { class: "deeds" },
          el("button", { type: "button", class: "main", click: () => { dialog.close(); location.hash = `#/search?item=${item}`; } }, "More like this"),
          el("a", { class: "button", href: pictureUrl(found), target: "_blank", rel: "noopener" }, "Open alone")),
        found.decisions.length > 0 && decided(item, found.decisions)),
    ];
  });
}

function decided(item, decisions) {
  return [el("h3", {}, "Decided"), el("ul", { class: "decided" }, decisions.map((entry) => {
    const other = entry.first?.item === item ? entry.second : entry.first;
    return el("li", {},
      other && el("button", { type: "button", class: "frame", "aria-label": `Open ${fileName(other.path)}`, click: () => openItem(other.item) }, thumbnail(other)),
      el("span", {}, entry.verdict ? verdictMark(entry.verdict) : "taken back", el("br"),
        el("span", { class: "soft" }, [other ? fileName(other.path) : "no longer in the index", moment(entry.decided_at), entry.note].filter(Boolean).join(" · "))));
  }))];
}
