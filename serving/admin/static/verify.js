/** The verify page: what is loaded, what is decided, and how the two come together. */
import { Bulk, told } from "./verify-bulk.js";
import { Decisions } from "./verify-decide.js";
import { h, number } from "./verify-dom.js";
import { Focus } from "./verify-focus.js";
import { commandOf } from "./verify-keys.js";
import { List } from "./verify-list.js";
import { call } from "./verify-net.js";
import { Notices, Progress } from "./verify-notices.js";
import { Photos } from "./verify-photos.js";
import { Store } from "./verify-store.js";

/** @typedef {import("./verify-store.js").Candidate} Candidate */

const AHEAD = 10; // photos that are decoded before they are looked at
const REFRESH_MS = 15_000;
const USER_WAIT_MS = 120;

const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("verify-data")).textContent ?? "{}");
const base = `/verify/${data.family}`;
const body = /** @type {HTMLElement} */ (document.getElementById("verify-body"));
const helpDialog = /** @type {HTMLDialogElement} */ (document.getElementById("verify-help"));
const filterBox = /** @type {HTMLDetailsElement} */ (document.getElementById("verify-filter"));
const selectButton = document.getElementById("verify-select");
const allButton = document.getElementById("verify-all");
const single = /** @type {HTMLInputElement} */ (document.getElementById("verify-single"));
const classOfKey = new Map(Object.entries(data.keys).map(([name, key]) => [String(key), name]));

/** @type {Map<string, Candidate[]>} photos of users that were looked at */
const users = new Map();
let nextPlace = data.next;
let listed = /** @type {number|null} */ (countOf(data.progress)); // rows of the list, loaded or not
let loading = false;
let waitsForMore = false; // all that is loaded is decided
let refreshed = Date.now();
let userTimer = 0;

document.documentElement.classList.add("v-scripted");
const store = new Store(data.state);
const photos = data.photos ? new Photos() : null;
const notices = new Notices();
const progress = new Progress(data.progress);
const focus = new Focus(/** @type {HTMLElement} */ (document.getElementById("verify-focus")), data, photos, {
  decide: (decision, label) => decisions.decide(decision, label), undo: () => decisions.undo(), whole: (one) => void openBulk(one.kind), open: openOne,
});
const list = new List(/** @type {HTMLElement} */ (document.getElementById("verify-list")), store, photos, data.columns, {
  pick, nearEnd: () => void loadMore(),
});
const decisions = new Decisions(base, data, store, notices, progress, {
  refreshed: (id) => list.refresh(id), goOn, draw, open: openOne, settled, thumb: (id) => photos && photos.url(id, photos.thumb),
});
const { queue, revisions } = decisions;
const bulk = data.mayDecide ? new Bulk(base, afterBulk) : null;

// -- what is loaded ---------------------------------------------------------------------------------------

/** @param {Candidate[]} candidates */
function take(candidates) {
  for (const one of candidates) if (!revisions.has(one.id)) revisions.set(one.id, one.revision);
  store.append(candidates);
}

async function loadMore() {
  if (loading || !nextPlace) return;
  loading = true;
  try {
    const piece = await call(`${base}/candidates?${data.query}&after=${nextPlace}`);
    nextPlace = piece.next;
    take(piece.candidates);
    notices.clear("load");
    list.render();
    shownCount();
  } catch (/** @type {any} */ error) {
    notices.put("load", "warn", [`More candidates could not be loaded: ${error.message}`]);
    setTimeout(() => (waitsForMore ? void loadMore() : list.render()), 3000);
    return;
  } finally {
    loading = false;
  }
  if (waitsForMore) goOn(store.focus);
}

/** How many rows the list has from its first to its last. @param {any} figures */
function countOf(figures) {
  return data.state === "any" ? figures.total : figures.left;
}

async function reload() {
  const piece = await call(`${base}/candidates?${data.query}`);
  listed = null;
  store.clear();
  for (const one of piece.candidates) revisions.set(one.id, one.revision);
  nextPlace = piece.next;
  take(piece.candidates);
  list.reset();
  draw();
}

/** Ask the server how far we are, when nothing is under way. */
async function refresh(now = false) {
  if (queue.unsaved || document.hidden || (!now && Date.now() - refreshed < REFRESH_MS)) return;
  refreshed = Date.now();
  const figures = await call(`${base}/progress?${data.query}`).catch(() => null);
  if (figures && !queue.unsaved) {
    progress.update(figures);
    listed ??= countOf(figures);
  }
  shownCount();
  drawAll();
}

// -- what is shown ----------------------------------------------------------------------------------------

/** Draw all that depends on the focus and the selection. */
function draw() {
  const one = store.current;
  focus.show(one);
  focus.selected = store.selection.size;
  focus.undoable = decisions.undos.length > 0;
  list.reveal();
  body.classList.toggle("v-selecting", store.sticky);
  selectButton?.setAttribute("aria-pressed", String(store.sticky));
  shownCount();
  drawAll();
  if (!one) return;
  photos?.ahead(store.items.slice(store.focus + 1, store.focus + 1 + AHEAD).map((next) => next.id));
  clearTimeout(userTimer);
  if (photos && one.user) userTimer = window.setTimeout(() => void showUser(one), users.has(one.user) ? 0 : USER_WAIT_MS);
}

function shownCount() {
  const loaded = store.items.length;
  const all = nextPlace === null ? number(loaded) : listed === null || listed <= loaded ? `${number(loaded)}+` : number(listed);
  const selected = store.selection.size ? `${number(store.selection.size)} selected` : `${number(store.focus + 1)} of ${all}`;
  const place = document.getElementById("verify-shown");
  if (place && place.textContent !== selected) place.textContent = store.items.length ? selected : "";
}

function drawAll() {
  if (!allButton) return;
  allButton.hidden = !data.canBulk || progress.figures.left === 0;
  allButton.textContent = `Decide all ${number(progress.figures.left)} …`;
}

/** The user's other photos. @param {Candidate} one */
async function showUser(one) {
  const user = /** @type {string} */ (one.user);
  if (!users.has(user)) {
    const query = new URLSearchParams({ user, state: "any", limit: "12" });
    const found = await call(`${base}/candidates?${query}`).catch(() => null);
    if (!found) return;
    if (users.size > 100) users.clear();
    users.set(user, found.candidates);
  }
  focus.showUser(one, (users.get(user) ?? []).map((other) => store.get(other.id) ?? other));
}

/** @param {number} id */
function openOne(id) {
  const place = store.places.get(id);
  if (place === undefined) {
    const one = [...users.values()].flat().find((other) => other.id === id);
    if (!one) return;
    take([one]);
    list.render();
  }
  store.deselect();
  store.moveTo(/** @type {number} */ (store.places.get(id)));
  draw();
  list.root.focus({ preventScroll: true });
}

// -- moving on --------------------------------------------------------------------------------------------

/** On to the next one that waits. @param {number} place */
function goOn(place) {
  const next = store.nextOpen(place);
  waitsForMore = next < 0 && Boolean(nextPlace);
  if (next >= 0) store.moveTo(next);
  else if (nextPlace) void loadMore();
  else lastOne();
  draw();
  if (next < 0 && !nextPlace) void refresh(true);
}

function lastOne() {
  const text = "That was the last one here.";
  notices.say(text);
  notices.put("last", "info", [h("span", {}, text), data.query && h("a", { href: base }, "See all that wait")]);
}

/** All that was under way is saved. @param {boolean} stale */
function settled(stale) {
  if (stale) void reload().then(showUndone).then(() => refresh(true)).catch(() => location.reload());
  else void refresh();
}

/** Go to the one that was undone, where it is in the list. */
function showUndone() {
  const place = store.places.get(decisions.undone ?? NaN);
  if (place === undefined) return;
  store.moveTo(place);
  draw();
}

/** @param {string|null} kind of the reason; null: the filter as it is */
async function openBulk(kind) {
  if (!bulk) return;
  if (queue.unsaved) {
    notices.say("Some decisions are still being saved. Try again in a moment.");
    return;
  }
  const query = new URLSearchParams(data.query);
  if (kind) query.set("reason", kind);
  if (query.get("state") === "any") query.set("state", "waiting");
  try {
    const figures = await call(`${base}/progress?${query}`);
    bulk.open(query.toString(), figures.left, kind ? `with the reason “${kind}”` : data.query ? "fit this filter." : "wait.");
  } catch (/** @type {any} */ error) {
    notices.put("load", "warn", [`The rows could not be counted: ${error.message}`]);
  }
}

/** @param {{pairs: [number, number][], decision: string, label: string|null, conflicts: number, unfit: number, error: any}} done */
function afterBulk(done) {
  for (const [id, revision] of done.pairs) revisions.set(id, revision);
  const state = new URLSearchParams(bulk?.query).get("state") || "waiting";
  if (done.pairs.length) decisions.keep({ jobs: [], before: done.pairs.map(([id]) => ({ id, state, corrected: null, by: null, at: null })) });
  const text = told(done) + (done.error ? ` Then it stopped: ${done.error.message}` : "");
  notices.put("bulk", done.error ? "bad" : "info", [text]);
  notices.say(text);
  void reload().then(() => refresh(true)).catch(() => location.reload());
}

// -- keys and pointers ------------------------------------------------------------------------------------

/** @param {number} place @param {MouseEvent} event */
function pick(place, event) {
  if (event.shiftKey) store.moveTo(place, true);
  else if (event.ctrlKey || event.metaKey) store.toggle(place);
  else {
    if (!store.sticky) store.deselect();
    store.moveTo(place);
  }
  draw();
}

function toggleRange() {
  if (!store.items.length) return;
  if (store.sticky) store.endRange();
  else store.beginRange(Math.max(0, store.focus), true);
  notices.say(!store.sticky ? `${number(store.selection.size)} selected` : "Selecting: move to the end of the range");
  draw();
}

/** @param {string} step @param {boolean} extend */
function move(step, extend) {
  const page = list.across * list.linesInView;
  const steps = { left: -1, right: 1, up: -list.across, down: list.across, "page-up": -page, "page-down": page, first: -Infinity, last: Infinity };
  let target = store.focus + steps[step];
  if ((step === "up" || step === "down") && (target < 0 || target >= store.items.length + list.across - 1)) target = store.focus;
  if (!extend && !store.sticky) store.deselect();
  store.moveTo(target, extend);
  draw();
}

function escape() {
  const active = /** @type {HTMLElement|null} */ (document.activeElement);
  if (active && active !== document.body && active !== list.root && !active.closest("details[data-menu]")) list.root.focus({ preventScroll: true });
  store.deselect();
  draw();
}

/** @type {Object<string, (command: import("./verify-keys.js").Command) => void>} */
const COMMANDS = {
  accept: () => decisions.decide("accept"),
  reject: () => decisions.decide("reject"),
  skip: () => decisions.decide("skip"),
  correct: ({ label }) => decisions.decide("correct", label),
  type: ({ text }) => data.mayDecide && store.current && focus.typing?.open(text),
  undo: () => decisions.undo(),
  range: () => data.mayDecide && toggleRange(),
  move: ({ step, extend }) => move(/** @type {string} */ (step), Boolean(extend) && data.mayDecide),
  help: () => helpDialog.showModal(),
  filter: () => {
    filterBox.open = true;
    /** @type {HTMLElement|null} */ (filterBox.querySelector("select, input"))?.focus();
  },
  escape,
};

document.addEventListener("keydown", (event) => {
  const command = commandOf(event, classOfKey, { single: single.checked, dialog: Boolean(document.querySelector("dialog[open]")) });
  if (!command) return;
  if (command.name !== "escape") event.preventDefault();
  COMMANDS[command.name](command);
});

document.getElementById("verify-help-open")?.addEventListener("click", () => helpDialog.showModal());
helpDialog.addEventListener("keydown", (event) => event.key === "?" && helpDialog.close());
selectButton?.addEventListener("click", toggleRange);
allButton?.addEventListener("click", () => void openBulk(null));
single.checked = localStorage.getItem("assay.verify.single") !== "off";
single.addEventListener("change", () => localStorage.setItem("assay.verify.single", single.checked ? "on" : "off"));

// An address holds what is asked for, and nothing that is empty.
filterBox.querySelector("form")?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});
if (window.matchMedia("(max-width: 56rem)").matches) filterBox.open = false;

window.addEventListener("beforeunload", (event) => { if (queue.unsaved) event.preventDefault(); });
window.addEventListener("pagehide", () => decisions.remember());
window.addEventListener("online", () => queue.hurry());
document.addEventListener("visibilitychange", () => void refresh());
setInterval(() => void refresh(), REFRESH_MS);

take(data.candidates);
if (data.mayDecide) decisions.recall();
list.layout();
draw();
