const { client } = await (await fetch("/config.json")).json();
document.querySelector("#orders").textContent = `${location.pathname} for client ${client}`;
