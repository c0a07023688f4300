// Run by test_verify_scripts.py. The scripts are modules for a browser; they are loaded as text.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const FOLDER = new URL("../../../../serving/admin/static/", import.meta.url);

async function load(name) {
  const text = await readFile(new URL(name, FOLDER), "utf8");
  return import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
}

const { SaveQueue } = await load("verify-queue.js");
const { Store, fitting, grouped } = await load("verify-store.js");
const { commandOf } = await load("verify-keys.js");

const one = (id, changes = {}) => ({ id, revision: 0, state: "waiting", label: "Soft", corrected: null, ...changes });
const filled = (count, state = "waiting") => {
  const store = new Store(state);
  store.append(Array.from({ length: count }, (_, id) => one(id)));
  return store;
};
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

function queueOf(send) {
  const told = { saved: [], refused: [], trouble: 0 };
  const queue = new SaveQueue({
    send, changed() {}, trouble() { told.trouble += 1; },
    saved(job) { told.saved.push(job.ids); }, refused(job) { told.refused.push(job.ids); },
  });
  return { queue, told };
}

test("decisions are sent one after another, in their order", async () => {
  let [under_way, most] = [0, 0];
  const { queue, told } = queueOf(async () => {
    most = Math.max(most, ++under_way);
    await settled();
    under_way -= 1;
  });
  for (const id of [1, 2, 3]) queue.add({ ids: [id], decision: "accept", label: null });
  assert.equal(queue.unsaved, 3);
  while (queue.unsaved) await settled();
  assert.deepEqual(told.saved, [[1], [2], [3]]);
  assert.equal(most, 1);
});

test("what fails is sent again, and at once when one hurries", async () => {
  let tries = 0;
  const { queue, told } = queueOf(async () => {
    if (++tries === 1) throw Object.assign(new Error("away"), { again: true });
  });
  queue.add({ ids: [1], decision: "accept", label: null });
  await settled();
  assert.equal(queue.unsaved, 1);
  queue.hurry();
  await settled();
  assert.deepEqual([told.trouble, tries, queue.unsaved], [1, 2, 0]);
});

test("what is refused is not sent again, and the rest goes on", async () => {
  const { queue, told } = queueOf(async (job) => { if (job.ids[0] === 1) throw new Error("no"); });
  queue.add({ ids: [1], decision: "accept", label: null });
  queue.add({ ids: [2], decision: "accept", label: null });
  while (queue.unsaved) await settled();
  assert.deepEqual([told.refused, told.saved], [[[1]], [[2]]]);
});

test("only what was never sent can be cancelled or forgotten", async () => {
  let go;
  const { queue, told } = queueOf(() => new Promise((resolve) => { go = resolve; }));
  const first = queue.add({ ids: [1], decision: "accept", label: null });
  const second = queue.add({ ids: [2], decision: "accept", label: null });
  queue.add({ ids: [1, 3], decision: "reject", label: null });
  assert.equal(queue.cancel(first), false);
  assert.equal(queue.cancel(second), true);
  queue.forget(1);
  assert.deepEqual(queue.jobs.map((job) => job.ids), [[1], [3]]);
  go();
  await settled();
  go();
  await settled();
  assert.deepEqual(told.saved, [[1], [3]]);
});

test("the next open one is found behind, then from the start", () => {
  const store = filled(4);
  store.items[2].state = "accept";
  assert.equal(store.nextOpen(1), 3);
  assert.equal(store.nextOpen(3), 0);
  for (const item of store.items) item.state = "reject";
  assert.equal(store.nextOpen(0), -1);
});

test("a range grows and shrinks with the focus, beside what was selected before", () => {
  const store = filled(6);
  store.toggle(5);
  store.moveTo(1);
  store.moveTo(3, true);
  assert.deepEqual([...store.selection].sort(), [1, 2, 3, 5]);
  store.moveTo(2, true);
  assert.deepEqual([...store.selection].sort(), [1, 2, 5]);
  store.deselect();
  store.beginRange(2, true);
  store.moveTo(4);
  assert.deepEqual(store.targets.map((item) => item.id), [2, 3, 4]);
});

test("an empty list has no range, and no fault", () => {
  const store = filled(0);
  store.beginRange(0, true);
  store.moveTo(3, true);
  assert.deepEqual([store.sticky, store.selection.size], [false, 0]);
});

test("candidates that come twice stay where they are", () => {
  const store = filled(3);
  store.append([one(2), one(3)]);
  assert.deepEqual(store.items.map((item) => item.id), [0, 1, 2, 3]);
});

test("correcting to what was predicted is a confirmation", () => {
  const groups = grouped([one(1), one(2, { label: "Warm" })], "correct", "Soft");
  assert.deepEqual(groups, [{ ids: [2], decision: "correct", label: "Soft" }, { ids: [1], decision: "accept", label: null }]);
});

const target = (selector) => ({ matches: (list) => list.split(", ").includes(selector), closest: (list) => (list.split(", ").includes(selector) ? {} : null) });
const key = (name, changes = {}) => ({ key: name, code: "", target: target("body"), ...changes });
const classes = new Map([["w", "Warm"], ["1", "Soft"]]);
const free = { single: true, dialog: false };
const command = (event, situation = free) => commandOf(event, classes, situation)?.name ?? null;

test("keys mean their commands", () => {
  const meant = { Enter: "accept", " ": "accept", x: "reject", Backspace: "reject", s: "skip", u: "undo", v: "range", c: "type", "?": "help", "/": "filter", w: "correct", 1: "correct", Escape: "escape", ArrowLeft: "move", y: null };
  for (const [name, wanted] of Object.entries(meant)) assert.equal(command(key(name)), wanted, name);
  assert.equal(command(key("z", { ctrlKey: true })), "undo");
  assert.deepEqual(commandOf(key("R", { shiftKey: true }), classes, free), { name: "type", text: "R" });
});

test("keys that belong to others mean nothing", () => {
  for (const held of ["ctrlKey", "metaKey", "altKey"]) assert.equal(command(key("x", { [held]: true })), null);
  assert.equal(command(key("x", { target: target("input") })), null);
  assert.equal(command(key("Enter", { target: target("button") })), null);
  assert.equal(command(key("Enter", { repeat: true })), null);
  assert.equal(command(key("x"), { single: true, dialog: true }), null);
  assert.equal(command(key("x", { isComposing: true })), null);
});

test("with single keys off, only the list itself takes Enter", () => {
  const off = { single: false, dialog: false };
  assert.equal(command(key("x"), off), null);
  assert.equal(command(key("Enter"), off), null);
  assert.equal(command(key("Enter", { target: target("#verify-list") }), off), "accept");
  assert.equal(command(key("ArrowDown"), off), "move");
});

test("a keyboard with other letters works by the place of its keys", () => {
  assert.equal(command(key("ц", { code: "KeyW" })), "correct");
  assert.equal(command(key("ч", { code: "KeyX" })), "reject");
});

test("what has no picture is neither confirmed nor corrected, what has no class is not confirmed", () => {
  const seen = one(1, { size: [9, 9] });
  const blank = one(2, { size: null });
  const nameless = one(3, { size: [9, 9], label: null });
  const ids = (decision) => fitting([seen, blank, nameless], decision).fitting.map((each) => each.id);
  assert.deepEqual([ids("accept"), ids("correct"), ids("reject")], [[1], [1, 3], [1, 2, 3]]);
  assert.match(fitting([blank], "accept").why, /no picture/);
  assert.match(fitting([nameless], "accept").why, /no class/);
  assert.equal(fitting([blank], "skip").why, null);
});
