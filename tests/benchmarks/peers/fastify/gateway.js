// A gateway from Fastify's own plugins: `node gateway.js PORT UPSTREAM…`, JWT_SECRET in the environment.
//
// Rate limit, then token, then the proxy (undici, connections used again), in turns between the upstreams; `/api` is
// taken off. No request log, which is Fastify's default and to its advantage. The limit is above any load.
import proxy from "@fastify/http-proxy";
import jwt from "@fastify/jwt";
import rateLimit from "@fastify/rate-limit";
import Fastify from "fastify";

const [port, ...upstreams] = process.argv.slice(2);
let turn = 0;

const app = Fastify();
await app.register(rateLimit, { max: 1e9, timeWindow: 60000 });
await app.register(jwt, { secret: process.env.JWT_SECRET, verify: { algorithms: ["HS256"] } });
app.addHook("onRequest", async (request) => {
  await request.jwtVerify();
});
await app.register(proxy, {
  upstream: "",
  prefix: "/api",
  rewritePrefix: "/",
  replyOptions: { getUpstream: () => upstreams[turn++ % upstreams.length] },
});
await app.listen({ port: Number(port), host: "127.0.0.1" });
