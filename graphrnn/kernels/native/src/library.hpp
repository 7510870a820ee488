// The functions that Python calls: plain C, so that one library serves every version of Python.
#pragma once
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
