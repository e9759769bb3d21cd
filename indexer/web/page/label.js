// Naming what a picture shows: the label belongs to the content and stays with it.

import { get, send } from "/page/api.js";
import { el } from "/page/dom.js";
import { counted } from "/page/format.js";
import { tell } from "/page/notice.js";

let known = null;

/** A field for a label, which offers those there are. */
export function labelField(attributes) {
  known ??= get("labels").then(({ labels }) => document.body.append(
    el("datalist", { id: "labels" }, labels.map(({ label, items }) => el("option", { value: label }, String(items))))),
  () => { known = null; });
  return el("input", { list: "labels", autocomplete: "off", ...attributes });
}

/** A form that writes a picture's label down; `written` gets the new one. */
export function labelForm(entry, written) {
  const field = labelField({ value: entry.label ?? "", required: true, "aria-label": "Label" });
  async function save(event) {
    event.preventDefault();
    const label = field.value.trim();
    if (!label) return;
    try {
      const { paths } = await send("PUT", `items/${entry.item}/label`, { label });
      tell(`Labelled ${label}, in ${counted(paths.length, "place")}.`);
      entry.label = label;
      written(label);
    } catch (error) {
      tell(error.message);
    }
  }
  return el("form", { class: "labelling", submit: save }, field, el("button", {}, "Save"));
}

/** Label from a card: the form takes the place of the label until it is written down or given up. */
export function editLabel(entry, button) {
  const shown = button.closest(".card").querySelector(".label");
  const back = () => { form.replaceWith(shown); button.focus(); };
  const form = labelForm(entry, (label) => { shown.textContent = label; back(); });
  form.addEventListener("keydown", (event) => { if (event.key === "Escape") back(); });
  shown.replaceWith(form);
  form.querySelector("input").select();
}
