/* The one C function that durable-rules 2.0.28 calls and Python 3.13 no longer has.
 *
 * The module is loaded so that its symbols are visible to every library loaded after it (RTLD_GLOBAL);
 * cds/reasoning/durable_compat.py does that before durable-rules is imported. It is built for Python 3.13 and later
 * only: on earlier versions the interpreter exports the name itself.
 *
 * durable-rules calls this function in its message-store callbacks alone. Nothing here ever sets such a callback, so
 * the name has to be found, and is not called. That matters: compiled without a prototype, as it is from 3.13 on,
 * durable-rules takes the result for an int and would lose half of the pointer.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(__GNUC__)
#define EXPORTED __attribute__((visibility("default")))
#else
#define EXPORTED
#endif

EXPORTED PyObject *PyEval_CallObject(PyObject *callable, PyObject *arguments)
{
    return PyObject_CallObject(callable, arguments);
}

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "cds._pyeval_compat",
    .m_doc = "Exports the C function PyEval_CallObject, which Python 3.13 dropped; holds nothing for Python code.",
    .m_size = 0,
};

PyMODINIT_FUNC PyInit__pyeval_compat(void)
{
    return PyModuleDef_Init(&definition);
}
