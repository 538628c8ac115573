"use strict";
// The search: hides the rows of both tables that do not hold what is typed.
const [form, input] = [document.querySelector("form"), document.getElementById("find")];
const tables = [...document.querySelectorAll("tbody")].map((body) => [...body.rows]);
form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
input.addEventListener("input", () => {
  const wanted = input.value.trim().toLowerCase();
  const [directions, concepts] = tables.map((rows) => {
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
    return rows.filter((row) => !row.hidden).length;
  });
  form.querySelector("output").textContent = wanted && `{{ basis | capitalize }}: ${directions}. Concepts: ${concepts}.`;
});
