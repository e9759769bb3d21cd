// What narrows and steers a search: space, metric, verification, label and attributes.

import { get } from "/page/api.js";
import { choice, el } from "/page/dom.js";
import { labelField } from "/page/label.js";

const LISTED = 50; // the server names the most frequent values up to here: where there are more, one types

/** The settings that an address holds. */
export function settingsFrom(parameters) {
  return {
    space: parameters.get("space") ?? "",
    metric: parameters.get("metric") ?? "",
    verify: parameters.get("verify") ?? "",
    label: parameters.get("label") ?? "",
    path: parameters.get("path") ?? "",
    where: parameters.getAll("where"),
  };
}

/** The panel; it writes into `settings` and calls `changed`. */
export async function filterPanel(settings, changed) {
  const [status, { attributes }] = await Promise.all([get("status"), get("attributes")]);
  const set = (name) => (value) => { settings[name] = value; changed(); };
  const spaces = status.encoder.spaces.map((space) => space.name ?? space);
  const spaceChosen = settings.space || status.encoder.default_space || spaces.at(-1);
  const form = el("form", { class: "filters", "aria-label": "Filters", submit: (event) => event.preventDefault() },
    el("div", { class: "when-asking filters" },
      spaces.length > 1 && choice("Space", "space", spaces.map((name) => [name, name]), spaceChosen, set("space")),
      choice("Metric", "metric", [["cosine", "cosine"], ["l2", "L2"]], settings.metric || status.metric, set("metric")),
      status.verify_available && el("label", { class: "tick" },
        el("input", { type: "checkbox", checked: Boolean(settings.verify), change: (event) => set("verify")(event.target.checked ? "10" : "") }),
        "Verify the best ten by their pixels")),
    el("label", { class: "field" }, "Label",
      labelField({ value: settings.label, placeholder: "any", change: (event) => set("label")(event.target.value.trim()) })),
    el("label", { class: "field when-browsing" }, "Path contains",
      el("input", { type: "search", value: settings.path, placeholder: "anything", change: (event) => set("path")(event.target.value.trim()) })),
    attributes.map(({ key, values }) => attributeField(settings, key, values, changed)));
  return el("details", { class: "folded", open: !matchMedia("(max-width: 60rem)").matches }, el("summary", {}, "Filters"), form);
}

function attributeField(settings, key, values, changed) {
  const is = (where) => where.startsWith(`${key}=`);
  const chosen = settings.where.find(is)?.slice(key.length + 1) ?? "";
  function choose(event) {
    settings.where = settings.where.filter((where) => !is(where));
    if (event.target.value) settings.where.push(`${key}=${event.target.value}`);
    changed();
  }
  if (values.length >= LISTED) {
    return el("label", { class: "field" }, key, el("input", { value: chosen, placeholder: "any", change: choose }));
  }
  return el("label", { class: "field" }, key,
    el("select", { change: choose },
      el("option", { value: "" }, "any"),
      values.map(({ value, files }) => el("option", { value, selected: value === chosen }, `${value} (${files})`))));
}
