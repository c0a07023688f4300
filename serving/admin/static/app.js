// What makes the pages nicer where scripts run; each of them works without.

/** The token that every request which changes something must carry. */
export const csrf = document.querySelector('meta[name="csrf"]').content;

/** fetch with the token and JSON; an answer that is not good is thrown as an Error with its sentence and status. */
export async function send(url, { method = "POST", body, ...rest } = {}) {
  const response = await fetch(url, {
    method,
    headers: { accept: "application/json", "x-csrf-token": csrf, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    ...rest,
  });
  const answer = response.headers.get("content-type")?.startsWith("application/json") ? await response.json() : null;
  if (!response.ok) throw Object.assign(new Error(answer?.detail ?? `The server answered ${response.status}.`), { status: response.status, answer });
  return answer;
}

function remember(theme) {
  document.documentElement.dataset.theme = theme;
  document.cookie = `assay_theme=${theme}; path=/; max-age=31536000; samesite=strict`;
  for (const button of document.querySelectorAll("[data-themes] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

for (const form of document.querySelectorAll("[data-themes]")) {
  form.addEventListener("submit", (event) => {
    if (!event.submitter) return;
    event.preventDefault();
    remember(event.submitter.value);
  });
}

// On a narrow screen the navigation scrolls: to the page that is open, and with a fade where there is more.
const nav = document.querySelector(".bar nav");
if (nav) {
  const current = nav.querySelector("[aria-current]");
  if (current) nav.scrollLeft = current.offsetLeft - (nav.clientWidth - current.offsetWidth) / 2;
  const mark = () => {
    const more = [nav.scrollLeft > 2 && "left", nav.scrollLeft + nav.clientWidth < nav.scrollWidth - 2 && "right"];
    nav.dataset.more = more.filter(Boolean).join(" ");
  };
  nav.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(nav);
}

// A menu closes by Escape, and by a click elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.dataset.again !== undefined) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
