return {
  listen = "127.0.0.1:@PORT@",
  workers = 1,
  log = @LOG@,
  providers = {
    upstream = { extends = "@ADAPTER@", @UPSTREAM@, keys = { "sk-bench" } },
  },
  models = { ["mock-1"] = { "upstream/mock-1" } },
}
