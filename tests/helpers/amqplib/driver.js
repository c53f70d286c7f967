// Does with amqplib what a service does, and says in one line of JSON what came of it: node driver.js URL NAME

import amqp from "amqplib";

const [url, name] = process.argv.slice(2);
const seen = {};
const connection = await amqp.connect(url);
connection.on("error", (error) => { seen.connectionError = error.message; });
const channel = await connection.createConfirmChannel();

const told = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

async function refused(work) {
  const other = await connection.createChannel();
  other.on("error", () => {});
  try {
    await work(other);
    return "not refused";
  } catch (error) {
    return error.message;
  }
}

await channel.assertExchange(name, "topic", { durable: true });
await channel.assertQueue(`${name}.dead`, { durable: true });
await channel.assertQueue(name, {
  durable: true,
  deadLetterExchange: "",
  deadLetterRoutingKey: `${name}.dead`,
  maxLength: 70000,
});
await channel.bindQueue(name, name, "order.*");

// Confirms, for many at once.
const publish = (key, body, options) =>
  new Promise((resolve, reject) =>
    channel.publish(name, key, body, { persistent: true, ...options }, (error) => (error ? reject(error) : resolve())));
await Promise.all(Array.from({ length: 200 }, (_, number) => publish("order.created", Buffer.from(`${number}`))));
seen.confirmed = 200;

// A mandatory message that nobody takes comes back.
const back = told(channel, "return");
await publish("nobody", Buffer.from("back"), { mandatory: true });
seen.returned = (await back).fields.replyText;

// Consumption in order, with a prefetch; one is rejected, one comes back.
await channel.prefetch(10);
const bodies = [];
let again = null;
await new Promise((resolve) =>
  channel.consume(name, (message) => {
    const body = message.content.toString();
    if (body === "100" && !message.fields.redelivered) {
      channel.nack(message, false, true);
      return;
    }
    if (body === "100") again = message.fields.redelivered;
    if (body === "5") channel.nack(message, false, false);
    else channel.ack(message);
    bodies.push(Number(body));
    if (bodies.length === 200) resolve();
  }, { consumerTag: "driver" }));
await channel.cancel("driver");
seen.inOrder = bodies.every((body, place) => body === place || body === 100 || place > 99);
seen.again = again;
const dead = await channel.get(`${name}.dead`, { noAck: true });
seen.dead = [dead.content.toString(), dead.properties.headers["x-death"][0].reason];

// A body of many frames, and every kind of header.
const large = Buffer.alloc(1000000, "abc");
const headers = { number: 5, big: 2 ** 40, half: 0.5, text: "ä", yes: true, list: [1, "x"], table: { a: { b: 1 } } };
await publish("order.large", large, { headers });
const got = await channel.get(name, { noAck: true });
seen.large = got.content.equals(large);
seen.headers = JSON.stringify(got.properties.headers) === JSON.stringify(headers);

seen.refused = await refused((other) => other.assertQueue(name, { durable: false }));
seen.missing = await refused((other) => other.checkQueue(`${name}.absent`));
seen.purged = (await channel.purgeQueue(name)).messageCount;
for (const queue of [name, `${name}.dead`]) await channel.deleteQueue(queue);
await channel.deleteExchange(name);
await channel.close();
await connection.close();
console.log(JSON.stringify(seen));
