// Signing in where the address names no shop.
import { $ } from "./dom.js";

$("choose")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const shop = $("shop").value.trim();
  sessionStorage.setItem(`weft-token-${shop}`, $("token").value.trim());
  location.href = `/console/${encodeURIComponent(shop)}/`;
});
