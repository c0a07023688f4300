// The figures of an experiment, asked for again every few seconds while somebody looks. The server words and draws
// everything; here each text and each path is only put where it belongs.

const place = document.querySelector("[data-experiment]");
const changed = place.querySelector("[data-changed]");
const button = place.querySelector("[data-pause]");
let every = Number(place.dataset.every);
let timer = 0;
let watching = true;

function say(sentence, link = true) {
  changed.querySelector("span").textContent = sentence;
  changed.querySelector("a").hidden = !link;
  changed.hidden = false;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  if (element.dataset.hide !== undefined) element.hidden = text === "";
}

function list(element, sentences) {
  const known = [...element.children].map((item) => item.textContent);
  if (known.join("\n") !== sentences.join("\n")) {
    element.replaceChildren(...sentences.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })));
  }
  element.hidden = sentences.length === 0;
}

function table(body, rows) {
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text, number) => {
      const cell = document.createElement(number === 0 ? "th" : "td");
      if (number === 0) cell.scope = "row";
      cell.className = number === 0 ? "nowrap" : "num";
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

function show(view) {
  for (const element of place.querySelectorAll("[data-live]")) write(element, view.text[element.dataset.live] ?? "");
  for (const path of place.querySelectorAll("[data-shape]")) path.setAttribute("d", view.shapes[path.dataset.shape] ?? "");
  for (const element of place.querySelectorAll("[data-list]")) list(element, view.lists[element.dataset.list] ?? []);
  for (const body of place.querySelectorAll("[data-table]")) table(body, view.tables[body.dataset.table] ?? []);
}

async function ask() {
  const response = await fetch(place.dataset.experiment, { headers: { accept: "application/json" } });
  if (response.status === 401) throw Object.assign(new Error("Your session has ended."), { ended: true });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return response.json();
}

async function renew() {
  if (document.hidden) return later();
  try {
    const answer = await ask();
    if (!watching) return;
    if (String(answer.revision) !== place.dataset.revision) {
      say(`It was changed, and is ${answer.state} now.`);
      return;
    }
    show(answer);
    changed.hidden = true;
    every = answer.every;
  } catch (error) {
    say(error.ended ? error.message : `These figures are no longer new. ${error.message}`, Boolean(error.ended));
    if (error.ended) return;
  }
  later();
}

function later() {
  clearTimeout(timer);
  if (watching && every > 0) timer = setTimeout(renew, every * 1000);
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    watching = !watching;
    button.setAttribute("aria-pressed", String(watching));
    clearTimeout(timer);
    if (watching) renew();
  });
}
later();
