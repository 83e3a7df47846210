// The public API, with the token of this tab. The token is kept in sessionStorage and
// sent as a header alone: it is in no address.
import { $, h } from "./dom.js";

export const tenant = document.body.dataset.tenant;
export const id = document.body.dataset.id;
export const page = (path) => `/console/${encodeURIComponent(tenant)}/${path}`;

const kept = `weft-token-${tenant}`;
export const token = () => sessionStorage.getItem(kept) ?? "";

/** Problem is an answer other than success. */
export class Problem extends Error {
  constructor(status, body) {
    const fields = (body.errors ?? []).map((e) => [e.location, e.message].filter(Boolean).join(": "));
    super([body.detail || body.title || `HTTP ${status}`, ...fields].join(". "));
    this.status = status;
    this.type = body.type;
    this.errors = body.errors ?? [];
  }
}

const gone = new Problem(0, { detail: "The server does not answer. The page goes on when it does." });

async function call(method, path, body, headers = {}) {
  for (;;) {
    if (token()) headers.Authorization = `Bearer ${token()}`;
    let answer;
    try {
      answer = await fetch(`/v1/${encodeURIComponent(tenant)}/${path}`, { method, body, headers });
    } catch {
      throw gone;
    }
    if (answer.status === 401) {
      await signIn(token() ? "This token is not accepted. Check it, or ask whoever runs the server for one." : "");
      continue;
    }
    if (!answer.ok && answer.status !== 304) throw new Problem(answer.status, await answer.json().catch(() => ({})));
    return answer;
  }
}

export const get = async (path) => (await call("GET", path)).json();
export const raw = (path) => call("GET", path);
export const post = async (path, value) => (await call("POST", path, JSON.stringify(value), { "Content-Type": "application/json" })).json();
export const send = async (method, path, body, headers) => (await call(method, path, body, headers)).json();
export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, v]) => v !== "" && v !== undefined && v !== null)).toString();
export const part = encodeURIComponent;

let asking;

/** Shows the form for the token, once however many requests wait for it. */
function signIn(why) {
  asking ??= new Promise((resolve) => {
    const dialog = $("sign-in");
    $("sign-in-why").textContent = why;
    $("token").value = "";
    dialog.showModal();
    const done = () => {
      if (!$("token").value) return dialog.showModal(); // nothing goes without one
      dialog.removeEventListener("close", done);
      sessionStorage.setItem(kept, $("token").value.trim());
      $("token").value = "";
      asking = undefined;
      showSignOut();
      resolve();
    };
    dialog.addEventListener("close", done);
  });
  return asking;
}

function showSignOut() {
  const button = $("sign-out");
  if (button) button.hidden = !token();
}
$("sign-out")?.addEventListener("click", () => { sessionStorage.removeItem(kept); location.reload(); });
showSignOut();

/** Shows what went wrong at the head of the page; nothing takes it away again. */
export function problem(error) {
  const text = error instanceof Problem ? error.message : `The page failed: ${error.message}`;
  $("problems").replaceChildren(...(error ? [h("p", { class: "bad" }, text)] : []));
  if (!(error instanceof Problem)) console.error(error);
}
export const fine = () => $("problems").replaceChildren();

/** Runs f and shows what goes wrong; true if nothing did. */
export async function trying(f) {
  try {
    await f();
    fine();
    return true;
  } catch (error) {
    problem(error);
    return false;
  }
}
