// The guide's APIGateway, ported: `node gateway.js PORT UPSTREAM…`, JWT_SECRET in the environment.
//
// As the guide writes it: a line for each request and each response, CORS, a fixed window kept by hand, jsonwebtoken,
// http-proxy-middleware without an agent of its own. What differs: several instances of a service (the guide's registry
// is keyed by name, so it could never balance), `/api` taken off as ours does, the limit above any load. AGENT=keep-alive
// gives the proxy what the guide left out: connections to the upstreams that are used again.
import http from "node:http";

import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";
import jwt from "jsonwebtoken";

const [port, ...upstreams] = process.argv.slice(2);
const WINDOW_MS = 60000;
const MAX_REQUESTS = 1e9;
const PUBLIC_PATHS = ["/health", "/api/auth/login", "/api/auth/register"];
const ROUTES = [
  ["/api/users", "userService"],
  ["/api/orders", "orderService"],
  ["/api/products", "orderService"],
  ["/api/payments", "paymentService"],
  ["/api/notifications", "notificationService"],
];

class ServiceRegistry {
  constructor() {
    this.services = new Map();
  }

  register(name, info) {
    const instances = this.services.get(name) ?? [];
    instances.push({ ...info, name, id: `${name}-${instances.length + 1}`, status: "healthy" });
    this.services.set(name, instances);
  }

  getHealthyInstances(name) {
    return (this.services.get(name) ?? []).filter((service) => service.status === "healthy");
  }
}

class LoadBalancer {
  constructor() {
    this.counters = new Map();
  }

  selectInstance(instances) {
    if (instances.length === 0) throw new Error("No healthy instances available");
    const key = instances.map((instance) => instance.id).join(",");
    const counter = this.counters.get(key) || 0;
    this.counters.set(key, counter + 1);
    return instances[counter % instances.length];
  }
}

class APIGateway {
  constructor() {
    this.app = express();
    this.serviceRegistry = new ServiceRegistry();
    this.loadBalancer = new LoadBalancer();
    this.rateLimiters = new Map();
    this.setupMiddleware();
    this.setupRoutes();
  }

  setupMiddleware() {
    this.app.use((req, res, next) => {
      req.startTime = Date.now();
      req.requestId = Math.random().toString(36).substring(2, 15);
      console.log(`[${req.requestId}] ${req.method} ${req.url}`);
      next();
    });
    this.app.use((req, res, next) => {
      res.header("Access-Control-Allow-Origin", "*");
      res.header("Access-Control-Allow-Methods", "GET,PUT,POST,DELETE,OPTIONS");
      res.header("Access-Control-Allow-Headers", "Content-Type, Authorization");
      if (req.method === "OPTIONS") res.sendStatus(200);
      else next();
    });
    this.app.use(this.rateLimitMiddleware());
    this.app.use(this.authMiddleware());
  }

  setupRoutes() {
    this.app.get("/health", (req, res) => res.json({ status: "healthy", timestamp: new Date() }));
    for (const [prefix, service] of ROUTES) this.app.use(prefix, this.createServiceProxy(service));
    this.app.use((req, res) =>
      res.status(404).json({
        error: { code: "NOT_FOUND", message: "API endpoint not found", path: req.originalUrl },
      })
    );
  }

  createServiceProxy(serviceName) {
    return createProxyMiddleware({
      target: "http://placeholder",
      changeOrigin: true,
      agent: process.env.AGENT === "keep-alive" ? new http.Agent({ keepAlive: true }) : undefined,
      pathRewrite: (path, req) => req.originalUrl.slice("/api".length),
      router: async (req) => {
        const selected = this.loadBalancer.selectInstance(
          this.serviceRegistry.getHealthyInstances(serviceName)
        );
        req.selectedService = selected;
        return `http://${selected.host}:${selected.port}`;
      },
      on: {
        proxyReq: (proxyReq, req) => {
          proxyReq.setHeader("X-Request-ID", req.requestId);
          proxyReq.setHeader("X-Forwarded-For", req.ip);
          proxyReq.setHeader("X-Gateway-Time", Date.now());
          if (req.user) {
            proxyReq.setHeader("X-User-ID", req.user.id);
            proxyReq.setHeader("X-User-Role", req.user.role);
          }
        },
        proxyRes: (proxyRes, req) => {
          const responseTime = Date.now() - req.startTime;
          proxyRes.headers["X-Response-Time"] = `${responseTime}ms`;
          proxyRes.headers["X-Service-Instance"] = req.selectedService?.id;
          console.log(`[${req.requestId}] Response: ${proxyRes.statusCode} - ${responseTime}ms`);
        },
        error: (err, req, res) => {
          console.error(`[${req.requestId}] Proxy error:`, err.message);
          res.status(503).json({
            error: {
              code: "SERVICE_UNAVAILABLE",
              message: "Service temporarily unavailable",
              requestId: req.requestId,
            },
          });
        },
      },
    });
  }

  rateLimitMiddleware() {
    return async (req, res, next) => {
      const now = Date.now();
      if (!this.rateLimiters.has(req.ip)) {
        this.rateLimiters.set(req.ip, { count: 0, resetTime: now + WINDOW_MS });
      }
      const limiter = this.rateLimiters.get(req.ip);
      if (now > limiter.resetTime) {
        limiter.count = 0;
        limiter.resetTime = now + WINDOW_MS;
      }
      if (limiter.count >= MAX_REQUESTS) {
        return res.status(429).json({
          error: {
            code: "RATE_LIMIT_EXCEEDED",
            message: "Too many requests",
            retryAfter: Math.ceil((limiter.resetTime - now) / 1000),
          },
        });
      }
      limiter.count++;
      next();
    };
  }

  authMiddleware() {
    return async (req, res, next) => {
      if (PUBLIC_PATHS.some((path) => req.path.startsWith(path))) return next();
      const token = req.headers.authorization?.split(" ")[1];
      if (!token) {
        return res.status(401).json({
          error: { code: "UNAUTHORIZED", message: "Access token required" },
        });
      }
      try {
        req.user = jwt.verify(token, process.env.JWT_SECRET);
      } catch (error) {
        return res.status(403).json({
          error: { code: "INVALID_TOKEN", message: "Invalid access token" },
        });
      }
      next();
    };
  }
}

const gateway = new APIGateway();
for (const url of upstreams.map((upstream) => new URL(upstream))) {
  gateway.serviceRegistry.register("orderService", { host: url.hostname, port: url.port });
}
gateway.app.listen(Number(port), "127.0.0.1");
