// Keys in the queue of moderation. Each only does what a button, a link or a checkbox of the card does.

const cards = [...document.querySelectorAll("[data-queue] > article")];
for (const help of document.querySelectorAll("[data-keys]")) help.hidden = false;

/** The card that has the focus, or the first one. */
const current = () => cards.find((card) => card.contains(document.activeElement)) ?? null;

function move(step) {
  const place = cards.indexOf(current());
  const next = cards[Math.min(cards.length - 1, Math.max(0, place < 0 ? 0 : place + step))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

function veil(card) {
  const pictures = [...card.querySelectorAll("details.m-veil")];
  const show = pictures.some((one) => !one.open);
  for (const one of pictures) one.open = show;
}

const COMMANDS = {
  j: () => move(1),
  k: () => move(-1),
  a: (card) => card.querySelector('button[value="approved"]')?.click(),
  x: (card) => card.querySelector('button[value="rejected"]')?.click(),
  b: veil,
  t: (card) => card.querySelector(".m-tick input")?.click(),
  o: (card) => card.querySelector("h2 a").click(),
};

document.addEventListener("keydown", (event) => {
  const target = event.target;
  const typing = target.matches?.("textarea, select, input:not([type=checkbox])");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
  const card = current();
  if (card && /^[1-9]$/.test(event.key)) {
    card.querySelectorAll('input[name="label_holds"]')[Number(event.key) - 1]?.click();
    return;
  }
  const command = COMMANDS[event.key.toLowerCase()];
  if (!command || event.shiftKey || (!card && !"jk".includes(event.key))) return;
  event.preventDefault();
  command(card);
});

// After a review the page comes anew, and one goes on with what is first now.
if (document.querySelector(".notice") && cards.length) cards[0].focus({ preventScroll: true });
