// Elements from plain values. Children that are text become text nodes: whatever a path, a label or a message holds,
// it is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** An HTML element; an attribute that is a function listens to the event of its name. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Say something to screen readers, once. */
export function say(message) {
  const spoken = document.getElementById("spoken");
  spoken.textContent = "";
  setTimeout(() => { spoken.textContent = message; }, 50);
}

/** One of several values, as a row of radio buttons. */
export function choice(legend, name, options, chosen, changed) {
  return el("fieldset", { class: "choice" },
    el("legend", {}, legend),
    options.map(([value, text]) => el("label", {},
      el("input", { type: "radio", name, value, checked: value === chosen, change: () => changed(value) }),
      el("span", {}, text))));
}

/** A name and its value in a description list. */
export const row = (name, ...value) => [el("dt", {}, name), el("dd", {}, ...value)];

/** A modal window that closes by Escape and by its button, and leaves the page when it does. */
export function sheet(title, ...content) {
  const close = el("button", { type: "button", class: "quiet", click: () => dialog.close() }, "Close");
  const dialog = el("dialog", { "aria-label": title, close: () => dialog.remove() },
    el("header", {}, el("h2", {}, title), close), ...content);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
