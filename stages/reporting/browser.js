"use strict";
// The finder: hides the rows of both tables whose concepts do not hold what is typed.
const finder = document.getElementById("finder");
if (finder) {
  const input = document.getElementById("concept");
  const tables = ["directions", "found"].map((name) => {
    const table = document.querySelector(`table.${name}`);
    const rows = [...table.tBodies[0].rows].map((row) => {
      const cells = name === "found" ? [row.cells[0], row.cells[1]] : [row.cells[2]];
      const words = cells.map((cell) => cell.textContent).join(" ");
      return { row, words: `${words} ${row.dataset.concepts || ""}`.toLowerCase() };
    });
    return { table, rows, none: table.closest("section").querySelector(".none") };
  });
  const find = () => {
    const wanted = input.value.trim().toLowerCase();
    const counts = tables.map(({ table, rows, none }) => {
      let count = 0;
      for (const { row, words } of rows) {
        row.hidden = !words.includes(wanted);
        count += row.hidden ? 0 : 1;
      }
      table.hidden = !count;
      none.hidden = count > 0;
      return count;
    });
    document.getElementById("found").textContent = wanted
      ? `${counts[0]} of ${tables[0].rows.length} directions, ${counts[1]} of ${tables[1].rows.length} concepts`
      : "";
  };
  finder.hidden = false;
  finder.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", find);
  find();
}
