// The form of a flag: a slider beside the number, and what the two mean for the users.

const form = document.querySelector("[data-flag-form]");
const number = form.elements.rollout;
const slider = form.querySelector("[data-slider]");
const meant = form.querySelector("[data-meant]");

function say() {
  const percent = Math.round(Number(number.value));
  const valid = number.value !== "" && number.validity.valid;
  const share = form.elements.state.value === "on" ? percent : 0;
  const users = share === 0 ? "nobody" : share === 100 ? "everybody" : `about ${share} of 100 users`;
  meant.textContent = valid ? `Then it is on for ${users}.` : "";
  if (valid) slider.value = String(percent);
}

slider.addEventListener("input", () => {
  number.value = slider.value;
  say();
});
form.addEventListener("input", (event) => {
  if (event.target !== slider) say();
});
slider.hidden = false;
meant.hidden = false;
say();
