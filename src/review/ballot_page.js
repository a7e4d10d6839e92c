"use strict";
const main = document.querySelector("main"), form = document.querySelector("form"), status = document.querySelector("output");
const votes = () => Object.fromEntries(new FormData(form));
const tell = () => {
  const done = Object.keys(votes()).length;
  status.textContent = `${done} ${status.dataset.done} ${document.querySelectorAll("fieldset").length}`;
};
form.addEventListener("change", tell);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const ballot = { version: Number(main.dataset.version), sheet: main.dataset.sheet, votes: votes() };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(ballot, null, 1)], { type: "application/json" }));
  link.download = `votes-${main.dataset.sheet}.json`;
  link.click();
});
tell();
