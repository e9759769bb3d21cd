// A server that other machines can reach wants a token: asked for once, however many calls wait for it.

import { el } from "/page/dom.js";

let asked = null;

/** Ask for the token until the server takes it. */
export function askForToken() {
  asked ??= new Promise(open).finally(() => { asked = null; });
  return asked;
}

function open(entered) {
  const wrong = el("p", { class: "wrong", role: "alert" });
  const token = el("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const dialog = el("dialog", { class: "small", "aria-labelledby": "token-title", cancel: (event) => event.preventDefault() },
    el("form", { submit: enter },
      el("h2", { id: "token-title" }, "This index asks for its token"),
      el("p", {}, "It is what INDEX_SERVE_TOKEN was set to where the server was started."),
      el("label", { for: "token" }, "Token"), token, wrong,
      el("button", { class: "main" }, "Enter")));

  async function enter(event) {
    event.preventDefault();
    const response = await fetch("/api/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: token.value }),
    }).catch(() => null);
    if (!response?.ok) {
      wrong.textContent = response ? "That is not the token. Nothing was let through." : "The server does not answer.";
      token.select();
      return;
    }
    dialog.close();
    dialog.remove();
    entered();
  }

  document.body.append(dialog);
  dialog.showModal();
}
