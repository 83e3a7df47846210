// By words, or by a photo: what is nearest.
import { get, problem, query, send, trying } from "./api.js";
import { card, empty, refusal, takePhotos } from "./cards.js";
import { $, count, say } from "./dom.js";

async function search(what, ask) {
  say($("said"), "Searching …");
  const done = await trying(async () => {
    const answer = await ask();
    const found = Array.isArray(answer) ? answer : answer.items;
    $("grid").replaceChildren(...(found.length ? found.map((p) => card(p)) : [empty("Nothing was found: no product has a vector yet.")]));
    say($("said"), `${count(found.length, "product")} for ${what}, the nearest first`);
  });
  if (!done) { $("grid").replaceChildren(); say($("said"), ""); }
}

function words(q) {
  $("q").value = q;
  search(`“${q}”`, () => get(`search?${query({ q, k: 24 })}`));
}

$("words").addEventListener("submit", (event) => {
  event.preventDefault();
  const q = $("q").value.trim();
  if (!q) return;
  history.pushState(null, "", `?${query({ q })}`);
  words(q);
});
addEventListener("popstate", start);

takePhotos($("drop"), $("files"), ([file]) => {
  if (!file) return;
  const no = refusal(file);
  if (no) return problem(Object.assign(new Error(), { message: `${file.name}: ${no}` }));
  search(file.name, () => send("POST", `search/photo?${query({ k: 24 })}`, file, { "Content-Type": "application/octet-stream" }));
});

function start() {
  const q = new URLSearchParams(location.search).get("q");
  if (q) words(q);
  else $("q").focus();
}
start();
