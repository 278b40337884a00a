// Keys and live figures; every page works without this file.
"use strict";

// Keys: each button that has data-key is pressed by its key, unless the person writes or a modifier is held.
document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, textarea, select");
  if (writes || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const button = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (button) { event.preventDefault(); button.click(); }
});

// A form is sent once: a second click on the same page does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

// Files that are too large are named before they are sent.
for (const input of document.querySelectorAll("input[type=file][data-most]")) {
  input.addEventListener("change", () => {
    const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
    input.setCustomValidity(bytes > Number(input.dataset.most) ? input.dataset.tooMany : "");
    input.reportValidity();
  });
}

// Live parts: the person starts and stops them; nothing moves by itself.
for (const button of document.querySelectorAll("[data-follow]")) {
  const shown = document.getElementById(button.dataset.shows);
  let stream = null;
  button.hidden = false;
  button.addEventListener("click", () => {
    if (stream) { stream.close(); stream = null; }
    else {
      stream = new EventSource(button.dataset.follow);
      stream.addEventListener("figures", (event) => { shown.innerHTML = event.data; });
      stream.addEventListener("done", () => { stream.close(); location.reload(); });
    }
    button.setAttribute("aria-pressed", String(Boolean(stream)));
  });
  if (button.dataset.at === "once") button.click();
}
