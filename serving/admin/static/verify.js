/** The verify page: what is loaded, what is decided, and how the two come together. */
import { Bulk, told } from "./verify-bulk.js";
import { h, number } from "./verify-dom.js";
import { Focus } from "./verify-focus.js";
import { commandOf } from "./verify-keys.js";
import { List } from "./verify-list.js";
import { call } from "./verify-net.js";
import { Notices, Progress, verb } from "./verify-notices.js";
import { Photos } from "./verify-photos.js";
import { SaveQueue } from "./verify-queue.js";
import { Store, grouped } from "./verify-store.js";

/** @typedef {import("./verify-store.js").Candidate} Candidate */
/** @typedef {{id: number, state: string, corrected: string|null, by: string|null, at: string|null}} Before */
/** @typedef {{jobs: any[], before: Before[]}} Undo */

const AHEAD = 10; // photos that are decoded before they are looked at
const MOST_AT_ONCE = 500; // candidates in one request
const MOST_UNDO = 200;
const REFRESH_MS = 15_000;
const USER_WAIT_MS = 120;
const DECIDED = new Set(["accept", "correct", "reject"]);

const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("verify-data")).textContent ?? "{}");
const base = `/verify/${data.family}`;
const body = /** @type {HTMLElement} */ (document.getElementById("verify-body"));
const helpDialog = /** @type {HTMLDialogElement} */ (document.getElementById("verify-help"));
const filterBox = /** @type {HTMLDetailsElement} */ (document.getElementById("verify-filter"));
const selectButton = document.getElementById("verify-select");
const allButton = document.getElementById("verify-all");
const single = /** @type {HTMLInputElement} */ (document.getElementById("verify-single"));
const classOfKey = new Map(Object.entries(data.keys).map(([name, key]) => [String(key), name]));

/** @type {Map<number, number>} the revision that was last seen of each candidate */
const revisions = new Map();
/** @type {Map<string, Candidate[]>} photos of users that were looked at */
const users = new Map();
/** @type {Undo[]} */
const undos = [];
let nextPlace = data.next;
let loading = false;
let waitsForMore = false; // all that is loaded is decided
let reloadWhenSaved = false;
let refreshed = Date.now();
let userTimer = 0;

document.documentElement.classList.add("v-scripted");
const store = new Store(data.state);
const photos = data.photos ? new Photos() : null;
const notices = new Notices();
const progress = new Progress(data.progress);
const focus = new Focus(/** @type {HTMLElement} */ (document.getElementById("verify-focus")), data, photos, {
  decide, undo, whole: (one) => void openBulk(one.kind), open: openOne,
});
const list = new List(/** @type {HTMLElement} */ (document.getElementById("verify-list")), store, photos, data.columns, {
  pick, nearEnd: () => void loadMore(),
});
const queue = new SaveQueue({ send, saved, refused, changed: () => progress.saving(queue.unsaved),
  trouble: (error) => notices.trouble(error, queue.unsaved, () => queue.hurry()) });
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

async function reload() {
  const piece = await call(`${base}/candidates?${data.query}`);
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
  if (figures && !queue.unsaved) progress.update(figures);
  drawAll();
}

// -- what is shown ----------------------------------------------------------------------------------------

/** Draw all that depends on the focus and the selection. */
function draw() {
  const one = store.current;
  focus.show(one);
  focus.selected = store.selection.size;
  focus.undoable = undos.length > 0;
  list.reveal();
  body.classList.toggle("v-selecting", store.sticky);
  selectButton?.setAttribute("aria-pressed", String(store.sticky));
  shownCount();
  if (!one) return;
  photos?.ahead(store.items.slice(store.focus + 1, store.focus + 1 + AHEAD).map((next) => next.id));
  clearTimeout(userTimer);
  if (photos && one.user) userTimer = window.setTimeout(() => void showUser(one), users.has(one.user) ? 0 : USER_WAIT_MS);
}

function shownCount() {
  const selected = store.selection.size ? `${number(store.selection.size)} selected` : `${number(store.focus + 1)} of ${number(store.items.length)}${nextPlace ? "+" : ""}`;
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

// -- what is decided --------------------------------------------------------------------------------------

/**
 * Decide about the selection, or about the one in focus: shown at once, sent in the background.
 * @param {string} decision
 * @param {string|null} [label]
 */
function decide(decision, label = null) {
  if (!data.mayDecide) return;
  let targets = store.targets;
  if (data.photos && decision === "accept") targets = targets.filter((one) => one.label !== null);
  if (!targets.length) {
    notices.say(store.current ? "There is no class to confirm. Choose one." : "There is nothing to decide.");
    return;
  }
  const before = targets.map(stateOf);
  const jobs = grouped(targets, decision, label).flatMap((group) => put(group));
  keepUndo({ jobs, before });
  const last = /** @type {number} */ (store.places.get(targets[targets.length - 1].id));
  store.deselect();
  const what = targets.length === 1 ? `${verb(decision, label)} ${decision === "correct" ? "" : targets[0].label ?? ""}`.trim() : `${number(targets.length)} ${verb(decision, label)}`;
  notices.say(`${what}, ${number(progress.figures.left)} left`);
  goOn(last);
}

/** @param {{ids: number[], decision: string, label: string|null}} group @returns {any[]} jobs */
function put({ ids, decision, label }) {
  const jobs = [];
  const state = decision === "withdraw" ? "waiting" : decision;
  for (const id of ids) change(id, { state, corrected: label, by: decision === "withdraw" ? null : data.me, at: new Date().toISOString() });
  for (let start = 0; start < ids.length; start += MOST_AT_ONCE) {
    jobs.push(queue.add({ ids: ids.slice(start, start + MOST_AT_ONCE), decision, label }));
  }
  return jobs;
}

/** Give a candidate another state, and count it. @param {number} id @param {Partial<Candidate>} now */
function change(id, now) {
  const one = store.get(id);
  if (!one) return;
  const [wasOpen, wasDecided] = [isLeft(one), DECIDED.has(one.state) && one.by === data.me];
  Object.assign(one, now);
  progress.count(Number(isLeft(one)) - Number(wasOpen), Number(DECIDED.has(one.state) && one.by === data.me) - Number(wasDecided));
  list.refresh(id);
}

/** Whether a candidate is among those that are left. @param {Candidate} one */
const isLeft = (one) => one.state === (data.state === "any" ? "waiting" : data.state);

/** @param {Candidate} one @returns {Before} */
const stateOf = ({ id, state, corrected, by, at }) => ({ id, state, corrected, by, at });

/** On to the next one that waits. @param {number} place */
function goOn(place) {
  const next = store.nextOpen(place);
  waitsForMore = next < 0 && Boolean(nextPlace);
  if (next >= 0) store.moveTo(next);
  else if (nextPlace) void loadMore();
  else lastOne();
  draw();
  drawAll();
  if (next < 0 && !nextPlace) void refresh(true);
}

function lastOne() {
  const text = "That was the last one here.";
  notices.say(text);
  notices.put("last", "info", [h("span", {}, text), data.query && h("a", { href: base }, "See all that wait")]);
}

/** @param {Undo} entry */
function keepUndo(entry) {
  undos.push(entry);
  if (undos.length > MOST_UNDO) undos.shift();
}

/** Take back the last decision: unsent, it never was; sent, it is withdrawn. */
function undo() {
  const entry = undos.pop();
  if (!entry) {
    notices.say("There is nothing to undo.");
    return;
  }
  /** @type {Map<string, {ids: number[], decision: string, label: string|null}>} */
  const back = new Map();
  const unsent = new Set(entry.jobs.filter((job) => queue.cancel(job)).flatMap((job) => job.ids));
  for (const was of entry.before) {
    if (!unsent.has(was.id)) {
      const decision = was.state === "waiting" || was.state === "aside" ? "withdraw" : was.state;
      const key = JSON.stringify([decision, was.corrected]);
      const group = back.get(key) ?? { ids: [], decision, label: was.corrected };
      group.ids.push(was.id);
      back.set(key, group);
    }
  }
  for (const group of back.values()) put(group);
  for (const { id, ...was } of entry.before) change(id, was);
  store.deselect();
  notices.clear("last");
  const place = store.places.get(entry.before[0]?.id);
  if (place !== undefined) store.moveTo(place);
  if (!entry.jobs.length) reloadWhenSaved = true; // they were decided by a filter, and may not be in the list
  notices.say(`Undone${entry.before.length > 1 ? ` for ${number(entry.before.length)}` : ""}, ${number(progress.figures.left)} left`);
  draw();
  drawAll();
}

// -- what is saved ----------------------------------------------------------------------------------------

/** @param {any} job */
async function send(job) {
  const candidates = job.ids.map((/** @type {number} */ id) => [id, revisions.get(id) ?? 0]);
  return call(`${base}/decisions`, { decision: job.decision, label: job.label, candidates });
}

/** @param {any} job @param {{outcomes: {id: number, decided: boolean, candidate: Candidate|null}[]}} answer */
function saved(job, answer) {
  notices.clear("net");
  const conflicts = [];
  const gone = new Set(job.ids);
  for (const { id, decided, candidate } of answer.outcomes) {
    if (!candidate) continue;
    gone.delete(id);
    revisions.set(id, candidate.revision);
    if (!decided) {
      queue.forget(id);
      for (const entry of undos) entry.before = entry.before.filter((was) => was.id !== id);
      conflicts.push({ candidate, mine: verb(job.decision === "withdraw" ? "waiting" : job.decision, job.label), thumb: photos && photos.url(id, photos.thumb) });
    }
    if (!queue.holds(id)) change(id, { ...candidate, others: store.get(id)?.others ?? candidate.others });
  }
  dropEmptyUndos();
  if (gone.size) notices.put("gone", "info", [`${number(gone.size)} of these are no longer there: their data was removed.`]);
  if (conflicts.length) notices.conflicts(conflicts, openOne);
  if (conflicts.length || (store.current && job.ids.includes(store.current.id))) draw();
  if (reloadWhenSaved && !queue.unsaved) {
    reloadWhenSaved = false;
    void reload().then(() => refresh(true)).catch(() => location.reload());
  } else void refresh();
}

/** The server will not have it: as it was before. @param {any} job @param {any} error */
function refused(job, error) {
  for (const entry of undos) {
    if (entry.jobs.includes(job)) for (const { id, ...was } of entry.before) if (job.ids.includes(id)) change(id, was);
    entry.before = entry.before.filter((was) => !entry.jobs.includes(job) || !job.ids.includes(was.id));
  }
  dropEmptyUndos();
  notices.put("refused", "bad", [`${number(job.ids.length)} ${job.ids.length === 1 ? "decision was" : "decisions were"} not taken: ${error.message}`]);
  notices.say(`Not saved: ${error.message}`);
  draw();
}

function dropEmptyUndos() {
  for (let place = undos.length - 1; place >= 0; place--) if (!undos[place].before.length) undos.splice(place, 1);
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

/** @param {{pairs: [number, number][], decision: string, label: string|null, conflicts: number, error: any}} done */
function afterBulk(done) {
  for (const [id, revision] of done.pairs) revisions.set(id, revision);
  const state = new URLSearchParams(bulk?.query).get("state") || "waiting";
  if (done.pairs.length) keepUndo({ jobs: [], before: done.pairs.map(([id]) => ({ id, state, corrected: null, by: null, at: null })) });
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
  accept: () => decide("accept"),
  reject: () => decide("reject"),
  skip: () => decide("skip"),
  correct: ({ label }) => decide("correct", label),
  type: ({ text }) => data.mayDecide && store.current && focus.typing?.open(text),
  undo,
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
window.addEventListener("online", () => queue.hurry());
document.addEventListener("visibilitychange", () => void refresh());
setInterval(() => void refresh(), REFRESH_MS);

take(data.candidates);
list.layout();
draw();
