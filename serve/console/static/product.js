// One product: its photos and listing, where they stand, and its neighbours.
import { get, id, page, part, problem, query, raw, send, trying } from "./api.js";
import { card, empty, refusal, takePhotos } from "./cards.js";
import { $, ask, bytes, h, say, when } from "./dom.js";
import { thumbnail } from "./picture.js";
import { advice, plain, title } from "./reasons.js";

const here = `products/${part(id)}`;
const states = { vector: "Vector ready", waiting: "Encoding", dead: "Given up", declined: "Dropped", none: "Nothing stored", encoded: "Encoded" };
let shown = "", current = "", fast = 0; // fast: asked often until then

// Watching.
async function watch() {
  const p = await get(`${here}/media`);
  say($("state"), states[p.state]);
  $("state").className = `state ${p.state}`;
  steps(p);
  const now = JSON.stringify(p.media);
  if (now !== shown) {
    shown = now;
    $("media").replaceChildren(...(p.media.length ? p.media.map(medium) : [h("li", { class: "empty wide" }, "Nothing is stored of this product. Drop a photo, or write a listing.")]));
  }
  const vector = `${p.state} ${p.vector_updated_at}`;
  if (vector !== current) {
    current = vector;
    if (p.vector_updated_at) await neighbours();
    else $("near").replaceChildren(empty(p.state === "dead" ? "None: nothing of this product could be read." : "They show as soon as the vector is ready."));
    say($("near-how"), p.modalities.length ? `By ${p.modalities.map((m) => ({ image: "photo", text: "listing", review: "reviews" })[m] ?? m).join(", ")}. The nearest first.` : "What looks and reads most like it.");
  }
  return p.state;
}

function steps(p) {
  const dead = p.media.filter((m) => m.state === "dead").length, n = p.media.length;
  const read = n > 0 && p.media.every((m) => m.state !== "waiting");
  const step = (name, state) => h("li", { class: state, "aria-current": state === "now" ? "step" : null }, name);
  const refused = p.state === "dead" || p.state === "declined";
  $("steps").replaceChildren(
    step(n ? "Uploaded" : "Nothing uploaded", n && "done"),
    refused ? step("Refused", "failed") : step(read ? (dead ? `Encoded, ${dead} refused` : "Encoded") : "Encoding", n && (read ? "done" : "now")),
    step("Vector ready", p.state === "vector" ? "done" : read && !refused && "now"));
}

function medium(m) {
  const photo = m.modality === "image";
  const picture = photo ? (m.state === "dead" ? h("div", { class: "picture" }, h("span", {}, "refused")) : m.state === "waiting" ? h("div", { class: "picture" }, h("span", {}, "…")) : thumbnail(m.key, "", 224)) : h("div", { class: "picture listing" }, h("span", {}, "listing"));
  return h("li", { "data-name": m.name }, picture,
    h("div", {}, h("strong", {}, m.name), h("span", { class: `state ${m.state}` }, m.state === "dead" ? title(m.reason) : states[m.state]), " ", h("span", { class: "quiet" }, bytes(m.bytes), " · ", when(m.modified)),
      m.reason && h("p", { class: "why" }, plain(m.message), h("br"), h("span", { class: "quiet" }, advice(m.reason)))),
    photo && h("button", { type: "button", class: "plain", "aria-label": `Remove ${m.name}`, onclick: () => trying(async () => { await send("DELETE", `${here}/images/${part(m.name)}`); soon(); }) }, "Remove"));
}

async function neighbours() {
  try {
    const near = await get(`${here}/similar?${query({ k: 12 })}`);
    $("near").replaceChildren(...(near.length ? near.map((n) => card(n)) : [empty("There is no other product yet.")]));
  } catch (error) {
    if (error.status !== 404 && error.status !== 503) throw error;
    current = ""; // published this moment: ask again
  }
}

let wake = () => {};
function soon() {
  fast = Date.now() + 30_000;
  wake();
}
async function loop() {
  let state = "";
  try {
    state = await watch();
    if ($("problems").dataset.of === "watch") { $("problems").replaceChildren(); delete $("problems").dataset.of; }
  } catch (error) {
    problem(error);
    $("problems").dataset.of = "watch";
  }
  const busy = state === "waiting" || current === "" || Date.now() < fast;
  await new Promise((resolve) => { wake = resolve; setTimeout(resolve, document.hidden ? 5000 : busy ? 400 : 3000); });
  loop();
}

// Photos.
takePhotos($("drop"), $("files"), async (files) => {
  for (const [i, file] of files.entries()) {
    const no = refusal(file);
    if (no) return problem(Object.assign(new Error(), { message: `${file.name}: ${no}` }));
    say($("progress"), `Storing photo ${i + 1} of ${files.length} …`);
    if (!await trying(() => send("PUT", `${here}/images/${part(file.name)}`, file, { "Content-Type": "application/octet-stream" }))) break;
    soon();
  }
  say($("progress"), "");
});

// The listing. What has no field here is kept as it was.
let stored = {}, tag = "";
const fields = ["title", "description", "category", "brand", "currency"];

async function readListing() {
  try {
    const answer = await raw(`${here}/listing`);
    tag = answer.headers.get("ETag");
    stored = await answer.json();
  } catch (error) {
    if (error.status === 409) say($("listing-why"), error.message);
    else if (error.status !== 404) throw error;
  }
  for (const f of fields) $(f).value = stored[f] ?? "";
  $("price").value = stored.price ?? "";
  $("attributes").value = Object.entries(stored.attributes ?? {}).map(([k, v]) => `${k}: ${typeof v === "string" ? v : JSON.stringify(v)}`).join("\n");
  if (stored.title) { say($("name"), stored.title); document.title = `${stored.title} · weft`; }
}

function facts(text) {
  const out = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    const name = line.slice(0, at).trim(), value = line.slice(at + 1).trim(), before = stored.attributes?.[name];
    if (!value) continue;
    // What was a number, a list or a truth stays one while it still reads as one.
    let read;
    try { read = JSON.parse(value); } catch { /* text */ }
    out[name] = read !== undefined && (before === undefined ? typeof read === "number" : typeof before !== "string") ? read : value;
  }
  return out;
}

$("listing").addEventListener("submit", async (event) => {
  event.preventDefault();
  const wanted = { ...stored, attributes: facts($("attributes").value), updated_at: new Date().toISOString() };
  for (const f of fields) wanted[f] = $(f).value.trim() || undefined;
  wanted.price = $("price").value === "" ? undefined : Number($("price").value);
  say($("saved"), "Saving …");
  try {
    const headers = { "Content-Type": "application/json", ...(tag ? { "If-Match": tag } : {}) };
    const done = await send("PUT", here, JSON.stringify(wanted), headers);
    tag = `"${done.etag}"`;
    stored = JSON.parse(JSON.stringify(wanted));
    say($("listing-why"), "");
    say($("saved"), "Saved.");
    if (stored.title) say($("name"), stored.title);
    soon();
  } catch (error) {
    say($("saved"), "");
    say($("listing-why"), error.status === 412 ? "Somebody else has changed the listing meanwhile. Reload the page to see it; what you typed here was not saved." : error.message);
  }
});

// Deleting.
$("delete").addEventListener("click", async () => {
  if (await ask($("sure")) && await trying(() => send("DELETE", here))) location.href = page("catalogue");
});

trying(readListing);
soon();
loop();
