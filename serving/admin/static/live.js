// Parts of a page that come later, and parts that change while one looks.

async function fetched(url) {
  const response = await fetch(url, { headers: { accept: "text/html", "x-fragment": "1" } });
  if (response.redirected) throw new Error("Your session has ended. Reload the page to log in again.");
  const text = await response.text();
  if (response.ok) return text;
  const sentence = new DOMParser().parseFromString(text, "text/html").querySelector(".lead");
  throw new Error(sentence?.textContent ?? `The server answered ${response.status}.`);
}

function failed(place, error, again) {
  const note = document.createElement("p");
  note.className = "notice bad";
  note.setAttribute("role", "alert");
  note.textContent = `${error.message} `;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Try again";
  button.addEventListener("click", again);
  note.append(button);
  place.replaceChildren(note);
}

async function fill(place) {
  place.setAttribute("aria-busy", "true");
  try {
    place.innerHTML = await fetched(place.dataset.fragment);
  } catch (error) {
    failed(place, error, () => fill(place));
  }
  place.removeAttribute("aria-busy");
}

/** Ask again every few seconds until the answer no longer says to. */
function poll(place) {
  const every = Number(place.dataset.every || 2) * 1000;
  const later = () => setTimeout(async () => {
    if (document.hidden) return later();
    try {
      const text = await fetched(place.dataset.poll);
      const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
      if (fresh.innerHTML !== place.innerHTML) place.innerHTML = fresh.innerHTML;
      if (fresh.dataset.poll === undefined) return delete place.dataset.poll;
    } catch { /* it comes back, or the page is left */ }
    return later();
  }, every);
  later();
}

document.querySelectorAll("[data-fragment]").forEach(fill);
document.querySelectorAll("[data-poll]").forEach(poll);
