// The products, and a place to drop photos of new ones.
import { get, page, part, query, send, trying } from "./api.js";
import { card, empty, refusal, takePhotos } from "./cards.js";
import { $, bytes, count, h, say } from "./dom.js";

let next = "", turn = 0;

async function list(more) {
  const mine = ++turn;
  const filter = { match: $("match").value.trim(), category: $("category").value };
  await trying(async () => {
    const found = await get(`products?${query({ ...filter, after: more ? next : "", k: 60 })}`);
    if (mine !== turn) return; // another filter was set meanwhile
    next = found.next ?? "";
    categories(found.categories);
    const cards = found.products.map((p) => card(p));
    if (more) {
      $("grid").append(...cards);
      cards[0]?.querySelector("a").focus();
    } else $("grid").replaceChildren(...(cards.length ? cards : [filter.match || filter.category ? empty("No product matches.") : empty("No product has a vector yet. Drop the photos of one above, or bring many with ", h("code", {}, "weft import"), ".")]));
    $("more").hidden = !next;
    if (!found.matching && !filter.match && !filter.category) setTimeout(() => mine === turn && list(), 2000); // the first is about to come
    say($("count"), `${count(found.matching, "product")}, the last changed first`);
  });
  $("grid").removeAttribute("aria-busy");
}

function categories(all) {
  const now = $("category").value;
  if ($("category").options.length === all.length + 1) return;
  $("category").replaceChildren(h("option", { value: "" }, "All"), ...all.map((c) => h("option", { value: c.name }, `${c.name} (${c.products})`)));
  $("category").value = now;
}

let typing;
$("match").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(list, 200); });
$("category").addEventListener("change", () => list());
$("filter").addEventListener("submit", (event) => { event.preventDefault(); list(); });
$("more").addEventListener("click", () => list(true));

// A new product.
let chosen = [];

takePhotos($("drop"), $("files"), (files) => {
  if (files.length === 0) return;
  chosen = files;
  const notes = files.map((f) => refusal(f));
  $("chosen").replaceChildren(...files.map((f, i) => h("li", {}, h("span", {}, f.name), h("span", { class: notes[i] ? "why" : "quiet" }, notes[i] ? `left out: ${notes[i]}` : bytes(f.size)))));
  chosen = files.filter((_, i) => !notes[i]);
  $("add").disabled = chosen.length === 0;
  if (!$("new-id").value && chosen.length) $("new-id").value = suggestion(chosen[0].name);
  say($("progress"), "");
  $("new").hidden = false;
  $("new-id").focus();
  $("new-id").select();
});

const suggestion = (name) => name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9_.:-]+/g, "-").replace(/^[^A-Za-z0-9_]+/, "").slice(0, 128).toLowerCase() || "product";

$("forget").addEventListener("click", () => { $("new").reset(); $("new").hidden = true; $("files").focus(); });

$("new").addEventListener("submit", async (event) => {
  event.preventDefault();
  const id = $("new-id").value.trim(), title = $("new-title").value.trim();
  $("add").disabled = true;
  const done = await trying(async () => {
    for (const [i, file] of chosen.entries()) {
      say($("progress"), `Storing photo ${i + 1} of ${chosen.length} …`);
      await send("PUT", `products/${part(id)}/images/${part(file.name)}`, file, { "Content-Type": "application/octet-stream" });
    }
    if (title) {
      say($("progress"), "Storing the listing …");
      // A listing that is there is not replaced by a title alone.
      await send("PUT", `products/${part(id)}`, JSON.stringify({ title }), { "Content-Type": "application/json", "If-None-Match": "*" }).catch((error) => { if (error.status !== 412) throw error; });
    }
  });
  $("add").disabled = false;
  say($("progress"), "");
  if (done) location.href = page(`products/${part(id)}`);
});

list();
