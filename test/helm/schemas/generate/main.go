// Writes JSON schemas of the kinds in the chart, from the Go types of their projects. Run `go run .` in this folder.
// The schemas are closed, like strict validation of an API server: unknown fields are rejected. Enumeration values are not checked.
package main

import (
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Types by apiVersion and kind.
var kinds = map[string]any{
	"apps/v1 Deployment":                          appsv1.Deployment{},
	"autoscaling/v2 HorizontalPodAutoscaler":      autoscalingv2.HorizontalPodAutoscaler{},
	"batch/v1 Job":                                batchv1.Job{},
	"v1 ConfigMap":                                corev1.ConfigMap{},
	"v1 Pod":                                      corev1.Pod{},
	"v1 Service":                                  corev1.Service{},
	"v1 ServiceAccount":                           corev1.ServiceAccount{},
	"networking.k8s.io/v1 Ingress":                networkingv1.Ingress{},
	"networking.k8s.io/v1 NetworkPolicy":          networkingv1.NetworkPolicy{},
	"policy/v1 PodDisruptionBudget":               policyv1.PodDisruptionBudget{},
	"gateway.networking.k8s.io/v1 HTTPRoute":      gatewayv1.HTTPRoute{},
	"monitoring.coreos.com/v1 PodMonitor":         monitoringv1.PodMonitor{},
	"monitoring.coreos.com/v1 ServiceMonitor":     monitoringv1.ServiceMonitor{},
	"monitoring.coreos.com/v1alpha1 ScrapeConfig": monitoringv1alpha1.ScrapeConfig{},
}

type schema = map[string]any

func main() {
	for name, value := range kinds {
		apiVersion, kind, _ := strings.Cut(name, " ")
		definitions := schema{}
		root := of(reflect.TypeOf(value), definitions)
		properties := definitions[strings.TrimPrefix(root["$ref"].(string), "#/definitions/")].(schema)["properties"].(schema)
		properties["apiVersion"] = schema{"const": apiVersion}
		properties["kind"] = schema{"const": kind}
		file := schema{"$ref": root["$ref"], "required": []string{"apiVersion", "kind", "metadata"}, "definitions": definitions}
		text, err := json.MarshalIndent(file, "", " ")
		if err != nil {
			log.Fatal(err)
		}
		// kubeconform's {{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}. For the core API, the group is its version.
		group, version, hasGroup := strings.Cut(apiVersion, "/")
		if !hasGroup {
			version = group
		}
		path := filepath.Join("..", strings.ToLower(group+"-"+version+"-"+kind)+".json")
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// The schema of a type. Structs go to definitions, because some of them are recursive.
func of(t reflect.Type, definitions schema) schema {
	if t.Kind() == reflect.Pointer {
		return of(t.Elem(), definitions)
	}
	switch t {
	case reflect.TypeOf(intstr.IntOrString{}):
		return schema{"type": []string{"integer", "string"}}
	case reflect.TypeOf(metav1.FieldsV1{}):
		return schema{"type": "object"}
	}
	// Types whose JSON form differs from their Go form, such as times and quantities, declare it.
	if typed, ok := reflect.New(t).Interface().(interface{ OpenAPISchemaType() []string }); ok {
		types := typed.OpenAPISchemaType()
		if t.Name() == "Quantity" {
			types = []string{"string", "number"}
		}
		if len(types) == 0 {
			return schema{}
		}
		return schema{"type": types}
	}
	if _, ok := reflect.New(t).Interface().(json.Unmarshaler); ok {
		return schema{}
	}
	switch t.Kind() {
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return schema{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return schema{"type": "string"}
		}
		return schema{"type": "array", "items": of(t.Elem(), definitions)}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": of(t.Elem(), definitions)}
	case reflect.Struct:
		name := strings.ReplaceAll(t.PkgPath()+"."+t.Name(), "/", ".")
		if _, known := definitions[name]; !known {
			properties, required := schema{}, []string{}
			definitions[name] = schema{"type": "object", "additionalProperties": false, "properties": properties}
			required = fields(t, properties, required, definitions)
			if len(required) > 0 {
				definitions[name].(schema)["required"] = required
			}
		}
		return schema{"$ref": "#/definitions/" + name}
	}
	return schema{}
}

func fields(t reflect.Type, properties schema, required []string, definitions schema) []string {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() {
			continue
		}
		if name == "" {
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			required = fields(inner, properties, required, definitions)
			continue
		}
		properties[name] = of(field.Type, definitions)
		if !strings.Contains(options, "omit") && field.Type.Kind() != reflect.Pointer && name != "status" {
			required = append(required, name)
		}
	}
	return required
}
